"""The phases of a job's passage through its program, by number; those from KNOCK on are of policies."""

SUSPENDED, REQUEST, SERVE, BURN, CHECK, END, OVER, KNOCK, CONNECT, TAKE, TAKEN, WAIT, PART = range(13)

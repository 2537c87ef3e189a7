"""What a sweep found: one document, and from it tables for machines and for people."""

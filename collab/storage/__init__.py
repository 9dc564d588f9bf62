"""The engine's Protocols on Django's ORM. The database log is the truth; everything else is a copy of it."""

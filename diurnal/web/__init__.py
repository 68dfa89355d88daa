"""Server-rendered pages and the built web app."""

"""From Markdown files to decks and exams, with every mistake by file and line."""

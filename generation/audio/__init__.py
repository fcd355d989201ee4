"""The sound: score → performance → synthesis → master → preview and files. Knows no Django."""

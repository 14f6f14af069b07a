"""Where records come from: files, installed packages, Debian descriptions, the Hub."""

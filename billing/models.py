"""Plans and payments come with their own issue; limits stand in mailboxes."""

"""Between the page and the sessions: the sessions' signals fill the page's state, its events call their actions."""

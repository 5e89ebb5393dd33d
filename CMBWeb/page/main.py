"""Entry point of a page's process; free of imports, since the processes that it starts import it, too."""

if __name__ == "__main__":
    from .reading_ahead import begin

    begin()
    from .app import main

    main()

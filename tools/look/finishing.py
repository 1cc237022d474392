"""What is made of the finished pages together is made when a page was written, and else not."""


def after_the_pages(app, make, priority=500):
    """Call ``make(app)`` at the end of a good build in which the builder wrote pages of HTML."""
    written = []

    def note(app, pagename, templatename, context, doctree):
        written.append(pagename)

    def finish(app, exception):
        if exception is None and written and app.builder.format == "html":
            make(app)

    app.connect("html-page-context", note)
    app.connect("build-finished", finish, priority=priority)

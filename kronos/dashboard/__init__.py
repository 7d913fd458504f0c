"""The dashboard: pages for people, rendered on the server with the same operations that the API calls.

app.py         the routes of all pages
page.py        a page's route, and its responses: the page, a redirect with a notice, an error page
rendering.py   templates and their filters: links, times, numbers
forms.py       a submitted form, and its faults, field by field
static.py      scripts and styles: our own, and those installed by npm
"""

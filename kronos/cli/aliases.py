"""Other names of verbs, alike for every resource: what somebody types who comes from another tool."""

import copy
from typing import Final

import click

ALIASES: Final = {
    "ls": ("list",),
    "list": ("ls",),
    "get": ("show",),
    "create": ("new",),
    "edit": ("update",),
    "put": ("edit", "update", "set"),
    "set": ("edit", "update", "put"),
    "rm": ("delete", "remove"),
    "revoke": ("rm", "delete", "remove"),
}
"""By a verb, what else it is called, where that is no verb of its own. `edit` is last: others are called so."""


def add(group: click.Group) -> click.Group:
    """The group, with the other names of its verbs: they work, and are not listed."""
    for verb, names in ALIASES.items():
        for name in names:
            if verb in group.commands and name not in group.commands:
                other = copy.copy(group.commands[verb])
                other.hidden = True
                group.add_command(other, name)
    return group

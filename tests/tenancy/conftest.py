"""The world is made once for all files here; each begins with it as it was made."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from flask import Flask

from sandbox.embedded import Postgres
from tests.portal.conftest import app as app
from tests.tenancy.actors import Actor, make_actors
from tests.tenancy.database import Database
from tests.tenancy.forms import ShownForm, collect_forms
from tests.tenancy.routes import list_rows
from tests.tenancy.world import Owner, World, make_world


@dataclass(frozen=True)
class Stage:
    """The world with its people, on a database that can be put back."""

    app: Flask
    world: World
    actors: dict[str, Actor]
    database: Database

    def forms_of(self, actor: Actor, *owners: Owner) -> list[ShownForm]:
        """The writing forms on all pages that this person can open with these objects."""
        pages = [
            url
            for row in list_rows()
            if row.method == "GET" and actor.is_let_in(row) and row.access.area != "public"
            for owner in owners
            for url in row.urls(owner)
        ]
        return collect_forms(actor.browser(self.app), pages)


@pytest.fixture(scope="session")
def made_stage(app: Flask, settings, postgres: Postgres, _empty_tables) -> Iterator[Stage]:
    with psycopg.connect(
        host=str(postgres.socket_dir), user="postgres", dbname="portal", autocommit=True
    ) as connection:
        connection.execute("set session_replication_role = replica")
        _empty_tables()
        database = Database(connection)
        world = make_world(settings, database)
        actors = make_actors(world)
        database.keep()
        yield Stage(app, world, actors, database)
        connection.execute("drop schema kept cascade")


@pytest.fixture(scope="module")
def stage(made_stage: Stage) -> Stage:
    made_stage.database.restore()
    return made_stage


@pytest.fixture(scope="session")
def office_forms(made_stage: Stage) -> list[ShownForm]:
    """What Acme's owner finds on the own pages."""
    made_stage.database.restore()
    return made_stage.forms_of(made_stage.actors["acme owner"], *made_stage.world.acme.owners)


@pytest.fixture(scope="session")
def panel_forms(made_stage: Stage) -> list[ShownForm]:
    """What Acme's client finds on the own pages."""
    made_stage.database.restore()
    return made_stage.forms_of(made_stage.actors["acme client"], made_stage.world.acme.first)

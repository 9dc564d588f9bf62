"""Queries whose SQL Django writes once: for what everybody who joins is asked for.

Building a query costs Django ten times what the database needs to answer it, and all of it holds Python's lock, for
which the event loop waits. Only the text is kept. Every call asks the database anew; no row outlives it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, QuerySet

Converter = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class _Statement:
    """One query as one kind of database reads it.

    Attributes:
        sources: For every parameter the number of the argument it comes from, or None where ``constants`` has it.
        converters: What makes Python's value of the database's: position in the row, function, and its column.
    """

    sql: str
    sources: Sequence[int | None]
    constants: Sequence[Any]
    converters: Sequence[tuple[int, Converter, Any]]


class Prepared:
    """One query, to be asked again and again with other arguments.

    Args:
        build: Makes the queryset, which must be a ``values_list``, from one value for every argument.
        arguments: For each of them the field whose values it takes, and a value to build the query with. It must differ
            from the others, and from what else the query compares with; a value of None later compares as in SQL.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], *arguments: tuple[Field[Any, Any], Any]) -> None:
        self._build = build
        self._fields = [field for field, _ in arguments]
        self._examples = [example for _, example in arguments]
        self._statements: dict[str, _Statement] = {}

    def rows(self, *arguments: object) -> list[list[Any]]:
        """The rows there are now."""
        connection = connections[DEFAULT_DB_ALIAS]
        statement = self._statements.get(connection.vendor)
        if statement is None:
            statement = self._statements[connection.vendor] = self._write(connection)
        given = self._as_stored(arguments, connection)
        parameters = [
            constant if source is None else given[source]
            for source, constant in zip(statement.sources, statement.constants, strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, parameters)
            rows = [list(row) for row in cursor.fetchall()]
        for position, convert, column in statement.converters:
            for row in rows:
                row[position] = convert(row[position], column, connection)
        return rows

    def _as_stored(self, arguments: Sequence[object], connection: BaseDatabaseWrapper) -> list[Any]:
        fields = zip(self._fields, arguments, strict=True)
        return [field.get_db_prep_value(argument, connection) for field, argument in fields]

    def _write(self, connection: BaseDatabaseWrapper) -> _Statement:
        """Let Django write the query for the kind of database that is connected."""
        compiler = self._build(*self._examples).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        examples = self._as_stored(self._examples, connection)
        # By type as well: True equals 1, and a constant must never be taken for an argument.
        place = {(type(example), example): number for number, example in enumerate(examples)}
        sources = [place.get((type(parameter), parameter)) for parameter in parameters]
        if missing := set(range(len(examples))).difference(sources):
            raise ValueError(f"argument {min(missing)} is no parameter of {sql}")
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        return _Statement(
            sql=sql,
            sources=sources,
            constants=parameters,
            converters=[(at, convert, column) for at, (all_, column) in converters.items() for convert in all_],
        )

"""What the product's admin pages have in common."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that are looked at, never added, changed or deleted by hand."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def count_of(model: type[Model], field: str, **conditions: Any) -> Coalesce:
    """How many rows of a model point at each row by this field, as an annotation that multiplies no other."""
    counted = (
        model._default_manager.filter(**{field: OuterRef("pk")}, **conditions)
        .order_by()
        .values(field)
        .annotate(n=Count("pk"))
        .values("n")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def as_size(size_bytes: int | None) -> str:
    """A size for people."""
    return filesizeformat(size_bytes or 0)


def deletion_summary(
    queryset: QuerySet[Any], related: dict[type[Model], str]
) -> tuple[list[str], dict[str, int], set[str], list[str]]:
    """What ``ModelAdmin.get_deleted_objects`` answers, counted instead of loaded: a log may be gigabytes.

    Args:
        queryset: The rows to delete.
        related: For each model whose rows go with them, the lookup that leads to them.
    """
    rows = list(queryset.order_by("pk"))
    counts = {str(queryset.model._meta.verbose_name_plural): len(rows)}
    for model, lookup in related.items():
        number = model._default_manager.filter(**{f"{lookup}__in": [row.pk for row in rows]}).count()
        if number:
            counts[str(model._meta.verbose_name_plural)] = number
    return [str(row) for row in rows], counts, set(), []

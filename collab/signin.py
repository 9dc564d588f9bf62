"""One-time sign-in links: a fresh installation has no password, and needs none."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, User
from django.db.models import QuerySet
from django.utils import timezone

from collab.errors import UnknownPage
from collab.models import SignInToken
from collab.tokens import hash_token, new_token

LIFETIME = timedelta(minutes=30)


def ensure_admin(username: str = "admin") -> AbstractBaseUser:
    """The first superuser who may sign in; made without a usable password when there is none."""
    users = get_user_model()
    admin = users._default_manager.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if admin is not None:
        return admin
    taken = set(users._default_manager.filter(username__startswith=username).values_list("username", flat=True))
    name = next(name for name in (username, *(f"{username}{n}" for n in range(2, 10_000))) if name not in taken)
    return users._default_manager.create_superuser(username=name, password=None)


def create_sign_in(user: AbstractBaseUser, *, lifetime: timedelta = LIFETIME) -> str:
    """Make a sign-in link's token (the URL is ``reverse("collab:sign-in", args=[token])``). Old ones are cleared away.

    Returns:
        The token. It exists nowhere else: only its hash is stored.
    """
    now = timezone.now()
    SignInToken.objects.filter(user_id=user.pk, expires_at__lte=now).delete()
    token = new_token()
    SignInToken.objects.create(user_id=user.pk, token_hash=hash_token(token), expires_at=now + lifetime)
    return token


def is_good(token: str) -> bool:
    """Whether the link would sign somebody in now. Looking does not use it up: mail scanners and previews look."""
    return _good(token).exists()


def use(token: str) -> User:
    """Use a sign-in link up and return its account. Of several at once exactly one succeeds.

    Raises:
        UnknownPage: There is no such link, it was used or has expired, or its account may not sign in.
    """
    if _good(token).update(used_at=timezone.now()) != 1:
        raise UnknownPage("no such sign-in link, or not any more")
    row = SignInToken.objects.select_related("user").get(token_hash=hash_token(token))
    user: User = row.user
    return user


def _good(token: str) -> QuerySet[SignInToken]:
    return SignInToken.objects.filter(
        token_hash=hash_token(token), used_at=None, expires_at__gt=timezone.now(), user__is_active=True
    )

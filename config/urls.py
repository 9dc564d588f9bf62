"""URLs of the whole project: the product, the admin and the language switch."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _

from collab.attempts import AdminSignInForm

admin.site.site_header = admin.site.site_title = "Collab"
admin.site.index_title = _("Administration")
admin.site.login_form = AdminSignInForm

urlpatterns = [
    path("", include("collab.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

handler400 = "collab.refusals.bad_request"
handler403 = "collab.refusals.forbidden"
handler404 = "collab.refusals.not_found"
handler500 = "collab.refusals.server_error"

"""What everybody writes first: a bare DRF view, the token looked up in the database, one ORM insert.

A Django project in one file: no middleware at all, Django's own ASGI handler, the same server, database and pool.
"""

from __future__ import annotations

import hashlib
import os
import uuid

import django
from django.conf import settings

from config.databases import database_from_url

database = database_from_url(os.environ["DATABASE_URL"])
database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 16, "timeout": 10}
settings.configure(
    DATABASES={"default": database},
    SECRET_KEY="only-for-measurements",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["rest_framework"],
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "UNAUTHENTICATED_USER": None,
    },
    USE_TZ=True,
)
django.setup()

from django.contrib.postgres.fields import ArrayField
from django.core.asgi import get_asgi_application
from django.db import models
from django.urls import path
from rest_framework import exceptions, permissions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView


class Token(models.Model):
    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=100)

    class Meta:
        app_label, db_table = "bare", "bare_token"

    is_authenticated = True


class Message(models.Model):
    id = models.UUIDField(primary_key=True)
    token = models.ForeignKey(Token, on_delete=models.CASCADE)
    to = ArrayField(models.TextField())
    subject = models.TextField()
    body_text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label, db_table = "bare", "bare_message"


class ByToken(BaseAuthentication):
    def authenticate(self, request):
        text = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = Token.objects.filter(digest=hashlib.sha256(text.encode()).hexdigest()).first()
        if token is None:
            raise exceptions.AuthenticationFailed
        return token, token


class MessageSerializer(serializers.Serializer):
    id = serializers.UUIDField(read_only=True)
    to = serializers.ListField(child=serializers.EmailField(), max_length=50)
    subject = serializers.CharField(max_length=998)
    bodyText = serializers.CharField(source="body_text")
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)


class Messages(APIView):
    authentication_classes = [ByToken]
    permission_classes = [permissions.IsAuthenticated]

    def post(self, request):
        asked = MessageSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        message = Message.objects.create(id=uuid.uuid4(), token=request.user, **asked.validated_data)
        return Response(MessageSerializer(message).data, status=201)


urlpatterns = [path("messages", Messages.as_view())]
application = get_asgi_application()

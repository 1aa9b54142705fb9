# The image of the web server, the task worker and every management command; compose.yaml shows how they fit.
FROM python:3.11-slim AS packages
WORKDIR /app
RUN pip install --no-cache-dir uv
COPY requirements.lock ./
RUN uv venv --python python3 /opt/venv && uv pip sync --python /opt/venv/bin/python --require-hashes requirements.lock

FROM python:3.11-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=amberflow.settings \
    STATIC_ROOT=/app/static_root
RUN useradd --create-home --uid 10001 amberflow
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY --chown=amberflow:amberflow . .
RUN chown amberflow:amberflow /app
USER amberflow
# Collecting needs no database and no secrets; the values below exist for this one command.
RUN DATABASE_URL=postgres://build@localhost/build SECRET_KEY=build PUBLIC_URL=http://localhost \
    SELLER_NAME=build SELLER_ADDRESS=build \
    STRIPE_SECRET_KEY=sk_test_aaaaaaaaaaaaaaaaaaaaaaaaaaaa python manage.py collectstatic --no-input
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "4", "--respawn-failed-workers", "amberflow.wsgi:application"]

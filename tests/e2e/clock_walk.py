#!/usr/bin/env python3
"""A server whose clock is wrong when it boots, as without a battery, and right later: whoever had access has it, whatever was made meanwhile."""
import datetime
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from certificate_walk import CLIENT, as_bearer_of, check, issued, served, signing_request, who  # noqa: E402
from cluster import BUILD, Cluster, Failed, equal, eventually, start_and_run  # noqa: E402

ACCOUNT = "system:serviceaccount:default:default"
YEAR = 365 * 24 * 3600


def started_with(c, offset_s):
    c.stop()
    c.server_env = {"LD_PRELOAD": str(BUILD / "lib" / "wrong_clock.so"), "KEELSON_TEST_CLOCK_S": str(int(offset_s))} if offset_s else {}
    c.start()


def made_in(c, name):
    """The year in which the server says that it made something now."""
    c.out("create", "configmap", name)
    return int(c.json("get", "configmap", name)["metadata"]["creationTimestamp"][:4])


def certificate_ends(c):
    text = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-startdate", "-enddate"], input=served(c), capture_output=True, check=True).stdout.decode()
    begin, end = (datetime.datetime.strptime(line, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=datetime.timezone.utc).timestamp() for line in re.findall(r"=(.*)", text))
    if not begin <= time.time() <= end:
        raise Failed(f"its certificate is not valid today:\n{text}")
    return end - time.time()


def everybody_gets_in(c):
    c.out("get", "namespaces")
    equal(c.out("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"), "system:admin")
    eventually("the account is there", lambda: c.kubectl("get", "serviceaccount", "default", check=False).returncode == 0)
    equal(who(c, c.out("create", "token", "default").strip()), ACCOUNT, "a token that is made now")


def it_boots_in_1970_for_the_first_time(c):
    equal(made_in(c, "old"), 1970)
    everybody_gets_in(c)
    certificate_ends(c)
    c.apply(signing_request(c, "jane", "/CN=jane", ["client auth"], CLIENT))
    c.out("certificate", "approve", "jane")
    issued(c, "jane")
    janes_certificate_counts(c)


def janes_certificate_counts(c):
    equal('"username": "jane"' in as_bearer_of(c, "jane").stdout, True, "a certificate that was asked for in 1970")


def the_clock_is_right_at_the_next_start(c):
    started_with(c, 0)
    equal(made_in(c, "today"), datetime.datetime.now(datetime.timezone.utc).year)
    everybody_gets_in(c)
    janes_certificate_counts(c)
    equal(check(c).returncode, 0, "its certificates")
    equal(certificate_ends(c) < 25 * 3600, True, "a certificate of a day again")


def it_boots_in_years_to_come(c):
    c.kept = c.out("create", "token", "default", "--duration=1h").strip()
    started_with(c, 15 * YEAR)
    equal(made_in(c, "tomorrow"), datetime.datetime.now(datetime.timezone.utc).year + 15)
    everybody_gets_in(c)
    certificate_ends(c)
    c.of_then = c.out("create", "token", "default", "--duration=1h").strip()


def after_it_all_is_as_before(c):
    started_with(c, 0)
    everybody_gets_in(c)
    equal(check(c).returncode, 0, "its certificates")
    equal(certificate_ends(c) < 25 * 3600, True, "a certificate of a day again")
    equal(who(c, c.kept), ACCOUNT, "a token from before")
    equal(who(c, c.of_then), 401, "one that begins in years")


def it_boots_in_1970_again(c):
    started_with(c, 600 - time.time())
    equal(made_in(c, "again"), 1970)
    everybody_gets_in(c)
    certificate_ends(c)
    started_with(c, 0)
    everybody_gets_in(c)
    equal(certificate_ends(c) < 25 * 3600, True, "a certificate of a day again")


STEPS = [it_boots_in_1970_for_the_first_time, the_clock_is_right_at_the_next_start, it_boots_in_years_to_come, after_it_all_is_as_before, it_boots_in_1970_again]

if __name__ == "__main__":
    cluster = Cluster()
    cluster.server_env = {"LD_PRELOAD": str(BUILD / "lib" / "wrong_clock.so"), "KEELSON_TEST_CLOCK_S": str(-int(time.time()) + 600)}
    start_and_run(STEPS, cluster)

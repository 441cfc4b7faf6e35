#!/usr/bin/env python3
"""An informer made of the official Python client: lists once, then watches from where it was. Prints one JSON line for each
list and each event; run by clients_walk.py.  informer.py KUBECONFIG NAMESPACE"""
import json
import sys
import time

import urllib3
from kubernetes import client, config, watch


def say(**what):
    print(json.dumps(what), flush=True)


def main():
    config.load_kube_config(sys.argv[1])
    api, namespace = client.CoreV1Api(), sys.argv[2]
    version = None
    while True:
        try:
            if version is None:
                listed = api.list_namespaced_config_map(namespace)
                version = listed.metadata.resource_version
                say(list=version, names=[item.metadata.name for item in listed.items])
            for event in watch.Watch().stream(api.list_namespaced_config_map, namespace, resource_version=version):
                version = event["object"].metadata.resource_version
                say(event=event["type"], name=event["object"].metadata.name, version=version)
        except client.exceptions.ApiException as refused:
            say(refused=refused.status)
            if refused.status == 410:
                version = None
            time.sleep(0.05)
        except (urllib3.exceptions.HTTPError, OSError):
            time.sleep(0.02)   # the server is away


if __name__ == "__main__":
    main()

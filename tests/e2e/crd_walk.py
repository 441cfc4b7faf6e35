#!/usr/bin/env python3
"""The walk of somebody with definitions of their own: schemas, rules, versions, columns, seen through the real kubectl."""
import concurrent.futures
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402

BOATS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.walk.example.com}
spec:
  group: walk.example.com
  scope: Namespaced
  names: {plural: boats, kind: Boat, shortNames: [bo], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.oars, statusReplicasPath: .status.oars}
    additionalPrinterColumns:
    - {name: Oars, type: integer, jsonPath: .spec.oars}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    selectableFields: [{jsonPath: .spec.color}]
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-validations:
        - {rule: "self.metadata.name.startsWith('b')", message: boats begin with b}
        properties:
          spec:
            type: object
            description: How it is built.
            x-kubernetes-validations:
            - {rule: self.oars % 2 == 0, message: oars come in pairs, fieldPath: .oars}
            - {rule: self.oars <= self.seats, messageExpression: "'there are seats for ' + (self.seats > 9 ? 'many' : 'few')", reason: FieldValueForbidden}
            - {rule: self.hull == oldSelf.hull, message: a hull is for ever}
            properties:
              hull: {type: string, maxLength: 20, default: oak}
              color: {type: string, enum: [red, blue], default: red}
              oars: {type: integer, minimum: 0, default: 2}
              seats: {type: integer, default: 4}
              anchor: {x-kubernetes-int-or-string: true}
              cargo: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""
BOAT = "apiVersion: walk.example.com/v1\nkind: Boat\nmetadata: {name: %s}\nspec: %s\n"


def refused(c, text, *wanted):
    done = c.kubectl("apply", "-f", "-", stdin=text, check=False)
    equal(done.returncode, 1, f"exit code; {done.stdout}{done.stderr}")
    return expect(done.stderr, *wanted)


def a_rule_that_does_not_compile_is_refused_with_its_place(c):
    refused(c, BOATS.replace("self.oars % 2", "self.sails % 2"),
            r'The CustomResourceDefinition "boats.walk.example.com" is invalid: spec\.validation\.openAPIV3Schema\.properties\[spec\]\.x-kubernetes-validations\[0\]\.rule: Invalid value: ',
            r"compilation failed: ERROR: <input>:1:5: undefined field 'sails'")


def a_rule_that_may_cost_too_much_is_refused(c):
    refused(c, BOATS.replace("properties:\n              hull:", "properties:\n              l: {type: array, items: {type: string}}\n              hull:")
            .replace("self.oars % 2 == 0", "'self.l.all(a, self.l.all(b, a != b))'"), r"estimated rule cost exceeds budget by factor of more than 100x")


def a_schema_that_is_not_structural_is_refused(c):
    refused(c, BOATS.replace("type: integer, default: 4", "default: 4"), r"properties\[seats\]\.type: Required value: must not be empty for specified object fields")


def a_good_one_is_established_and_served_at_once(c):
    c.apply(BOATS)
    c.out("wait", "--for=condition=Established", "crd/boats.walk.example.com", "--timeout=10s")
    expect(c.out("api-resources", "--api-group=walk.example.com", "--cached=false"), r"^boats +bo +walk.example.com/v1 +true +Boat")
    expect(c.out("explain", "boat.spec"), "How it is built.", r"oars\t<integer>")


def values_are_defaulted_pruned_and_shown_in_columns(c):
    c.out("apply", "--validate=false", "-f", "-", stdin=BOAT % ("bella", "{oars: 4, wheels: 3, anchor: 25%, cargo: {fish: {cod: 1}}}"))
    spec = c.json("get", "boat", "bella")["spec"]
    equal(spec, {"hull": "oak", "color": "red", "oars": 4, "seats": 4, "anchor": "25%", "cargo": {"fish": {"cod": 1}}}, "spec")
    c.out("patch", "boat", "bella", "--subresource=status", "--type=merge", "-p", '{"status":{"oars":4,"conditions":[{"type":"Ready","status":"True"}]}}')
    expect(c.out("get", "bo"), r"^NAME +OARS +READY", r"^bella +4 +True")
    equal(c.out("get", "boats", "--field-selector=spec.color=red", "-o", "name").strip(), "boat.walk.example.com/bella", "selected")
    equal(c.out("get", "boats", "--field-selector=spec.color=blue", "-o", "name").strip(), "", "not selected")


def rules_say_what_is_wrong_and_where(c):
    refused(c, BOAT % ("barge", "{oars: 3}"), r'The Boat "barge" is invalid: spec\.oars: Invalid value: oars come in pairs')
    refused(c, BOAT % ("barge", "{oars: 6}"), r"spec: Forbidden: there are seats for few")
    refused(c, BOAT % ("ark", "{oars: 2}"), r"<nil>: Invalid value: boats begin with b")
    refused(c, BOAT % ("barge", "{oars: many}"), r"spec\.oars: Invalid value: \"string\"|oars in body must be of type integer", r"some validation rules were not checked")


def what_was_may_be_compared_with_what_is(c):
    refused(c, BOAT % ("bella", "{oars: 4, hull: tin}"), r"spec: Invalid value: a hull is for ever")


def rules_that_come_later_leave_what_is_as_it_is(c):
    c.apply(BOATS.replace("enum: [red, blue]", "enum: [blue]").replace("default: red", "default: blue").replace("oars come in pairs, fieldPath: .oars}", "oars come in pairs, fieldPath: .oars}\n            - {rule: self.seats > 50}"))
    c.out("label", "boat", "bella", "old=yes")
    refused(c, BOAT % ("bella", "{oars: 2, color: red}"), r"spec: Invalid value: failed rule: self\.seats > 50")
    c.apply(BOATS)


def it_scales(c):
    c.out("scale", "boat/bella", "--replicas=2")
    equal(c.json("get", "boat", "bella")["spec"]["oars"], 2, "oars")


def its_objects_go_with_it(c):
    c.out("delete", "crd", "boats.walk.example.com", "--timeout=20s")
    eventually("discovery forgets it", lambda: "boats" not in c.out("api-resources", "--api-group=walk.example.com", "--cached=false"))
    expect(c.kubectl("get", "--raw", "/apis/walk.example.com/v1/namespaces/default/boats", check=False).stderr, "NotFound|could not find")


def small_definition(plural):
    names = {"plural": plural, "singular": plural[:-1], "kind": plural.capitalize(), "listKind": plural.capitalize() + "List"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.hurry.example.com"},
            "spec": {"group": "hurry.example.com", "scope": "Namespaced", "names": names, "versions": [version]}}


def whoever_reads_all_kinds_is_not_disturbed_by_definitions_that_come_and_go(c):
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    config_maps = "/api/v1/namespaces/default/configmaps"
    unknown_owner = {"apiVersion": "nowhere.example.com/v1", "kind": "Nothing", "name": "nobody", "uid": "00000000-0000-0000-0000-000000000000"}
    until = time.monotonic() + 4

    def define(which, https):
        count = 0
        while time.monotonic() < until:
            plural = f"hurries{which}x{count}s"
            https.made("POST", definitions, small_definition(plural))
            https.made("DELETE", f"{definitions}/{plural}.hurry.example.com")
            count += 1
        return count

    # The garbage collector asks for all kinds each time it meets an owner of a kind that it does not know.
    def orphan(which, https):
        count = 0
        while time.monotonic() < until:
            https.made("POST", config_maps, {"metadata": {"name": f"orphan-{which}-{count}", "ownerReferences": [unknown_owner]}})
            count += 1
        https.made("DELETE", config_maps)
        return count

    with concurrent.futures.ThreadPoolExecutor() as pool:
        counts = [pool.submit(work, which, Https(c)) for work in (define, orphan) for which in range(3)]
        counts = [one.result() for one in counts]
    equal(all(counts), True, f"something was made everywhere: {counts}")
    equal(c.process.poll(), None, "the server runs")


LIBRARIES = {
    "addresses": "ip(self.text).family() == 4 && cidr('10.0.0.0/8').containsIP(ip(self.text))", "quantities": "quantity('1Gi').isGreaterThan(quantity('1Mi'))",
    "URLs": "url('https://a.b:1/c?d=e').getHost() == 'a.b:1' && isURL('https://a.b')", "regular expressions": "self.text.find('[0-9]+') == '10'",
    "lists": "[1, 2, 3].sum() == 6 && ![3, 1].isSorted() && [1, 2].indexOf(2) == 1", "strings": "self.text.split('.').size() == 4 && 'x'.upperAscii() == 'X'",
    "formats": "!format.dns1123Label().validate('ok').hasValue() && format.dns1123Label().validate('NOT').hasValue()", "versions": "semver('1.2.3').isLessThan(semver('2.0.0'))",
    "sets": "sets.contains([1, 2], [1])", "two variables": "[1, 2].all(i, v, i < v)", "optionals": "optional.of(1).hasValue() && self.?text.orValue('') != ''"}


def the_libraries_of_expressions_are_there(c):
    name = "libs.walk.example.com"
    schema = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "maxLength": 20}},
              "x-kubernetes-validations": [{"rule": rule, "message": f"{about} do not work"} for about, rule in LIBRARIES.items()]}
    c.apply(json.dumps({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name}, "spec": {
        "group": "walk.example.com", "scope": "Namespaced", "names": {"plural": "libs", "kind": "Lib"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}}}]}}))
    c.out("wait", "--for=condition=Established", f"crd/{name}", "--timeout=20s")
    lib = lambda text: json.dumps({"apiVersion": "walk.example.com/v1", "kind": "Lib", "metadata": {"name": "one"}, "spec": {"text": text}})
    c.apply(lib("10.1.1.1"))
    expect(c.kubectl("apply", "-f", "-", stdin=lib("11.1.1.1"), check=False).stderr, "addresses do not work", "regular expressions do not work")
    c.out("delete", "crd", name, "--timeout=20s")


STEPS = [a_rule_that_does_not_compile_is_refused_with_its_place, a_rule_that_may_cost_too_much_is_refused, a_schema_that_is_not_structural_is_refused,
         a_good_one_is_established_and_served_at_once, values_are_defaulted_pruned_and_shown_in_columns, rules_say_what_is_wrong_and_where,
         what_was_may_be_compared_with_what_is, rules_that_come_later_leave_what_is_as_it_is, it_scales, the_libraries_of_expressions_are_there, its_objects_go_with_it,
         whoever_reads_all_kinds_is_not_disturbed_by_definitions_that_come_and_go]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())

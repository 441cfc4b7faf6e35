#include <catch2/catch.hpp>

#include "core/kinds/table/rows.hpp"
#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

constexpr std::int64_t kNow = 1'714'557'600;   // 2024-05-01T10:00:00Z

std::string row(std::string_view api, std::string_view kind, std::string_view body) {
  const auto k = builtin(api, kind);
  return table_row(*k, defaulted(*k, body), kNow).cells_json;
}

std::string pod_status(const std::string& spec, const std::string& status, const std::string& metadata = "") {
  const auto cells = json::parse(row("v1", "Pod", R"({"metadata":{"name":"p")" + metadata + R"(},"spec":{"containers":[{"name":"a"},{"name":"b"}])" + spec + "},\"status\":{" + status + "}}"));
  return std::string(cells.at(1).as_string()) + " " + std::string(cells.at(2).as_string()) + " " + std::string(cells.at(3).as_string());
}

}  // namespace

TEST_CASE("Every column of every built-in kind has a rule and every row fits its columns") {
  const auto registry = make_registry();
  for (const auto& kind : registry->current()->all()) {
    INFO(kind->kind);
    for (const auto& column : kind->columns)
      if (column.value.find('.') != std::string::npos && column.value.find('(') == std::string::npos && !column.value.starts_with('.')) {
        INFO(column.value);
        CHECK(find_cell_rule(column.value) != nullptr);
      }
    const auto cells = json::parse(table_row(*kind, json::parse(R"({"metadata":{"name":"a"}})"), kNow).cells_json);
    CHECK(cells.as_array().size() == table_columns(*kind).size());
  }
}

TEST_CASE("A deployment's row has the numbers that kubectl shows") {
  CHECK(row("apps/v1", "Deployment",
            R"({"metadata":{"name":"web","creationTimestamp":"2024-05-01T09:55:00Z"},"spec":{"replicas":3,"selector":{"matchLabels":{"b":"2","a":"1"},"matchExpressions":[{"key":"c","operator":"In","values":["y","x"]}]},)"
            R"("template":{"spec":{"containers":[{"name":"c","image":"i:1"},{"name":"d","image":"j:1"}]}}},"status":{"readyReplicas":2,"updatedReplicas":3}})") ==
        R"x(["web","2/3",3,0,"5m","c,d","i:1,j:1","a=1,b=2,c in (x,y)"])x");
}

TEST_CASE("A pod's status says in one word how it is") {
  CHECK(pod_status("", R"("phase":"Pending")") == "0/2 Pending 0");
  const std::string running = R"({"name":"a","ready":true,"restartCount":1,"state":{"running":{}},"lastState":{"terminated":{"finishedAt":"2024-05-01T09:58:00Z"}}})";
  CHECK(pod_status("", R"("phase":"Running","containerStatuses":[)" + running + "]") == "1/2 Running 1 (2m ago)");
  CHECK(pod_status("", R"("phase":"Running","containerStatuses":[{"name":"a","state":{"waiting":{"reason":"CrashLoopBackOff"}},"restartCount":3}])") == "0/2 CrashLoopBackOff 3");
  CHECK(pod_status("", R"("phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":7}}}])") == "0/2 ExitCode:7 0");
  CHECK(pod_status("", R"("phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":137,"signal":9}}}])") == "0/2 Signal:9 0");
  CHECK(pod_status("", R"("phase":"Running","containerStatuses":[{"name":"a","state":{"terminated":{"reason":"Completed"}}},)" + running + "]") == "1/2 NotReady 1 (2m ago)");
  CHECK(pod_status("", R"("phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"a","state":{"terminated":{"reason":"Completed"}}},)" + running + "]") == "1/2 Running 1 (2m ago)");
  CHECK(pod_status("", R"("phase":"Running","reason":"Evicted")") == "0/2 Evicted 0");
  CHECK(pod_status("", R"("phase":"Running")", R"(,"deletionTimestamp":"2024-05-01T10:00:00Z")") == "0/2 Terminating 0");
  CHECK(pod_status("", R"("phase":"Running","reason":"NodeLost")", R"(,"deletionTimestamp":"2024-05-01T10:00:00Z")") == "0/2 Unknown 0");
  CHECK(pod_status("", R"("phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}])") == "0/2 SchedulingGated 0");
}

TEST_CASE("Init containers show where the start of a pod stands") {
  const std::string spec = R"(,"initContainers":[{"name":"i"},{"name":"s","restartPolicy":"Always"}])";
  CHECK(pod_status(spec, R"("phase":"Pending","initContainerStatuses":[{"name":"i","state":{"running":{}}}])") == "0/3 Init:0/2 0");
  CHECK(pod_status(spec, R"("phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":1,"reason":"Error"}},"restartCount":2}])") == "0/3 Init:Error 2");
  CHECK(pod_status(spec, R"("phase":"Pending","initContainerStatuses":[{"name":"i","state":{"waiting":{"reason":"PodInitializing"}}}])") == "0/3 Init:0/2 0");
  CHECK(pod_status(spec, R"("phase":"Running","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":0}},"restartCount":5},{"name":"s","started":true,"ready":true,"state":{"running":{}},"restartCount":1}])") == "1/3 Running 1");
}

TEST_CASE("Finished pods carry a row condition") {
  const auto pod = builtin("v1", "Pod");
  CHECK(table_row(*pod, json::parse(R"({"status":{"phase":"Succeeded"}})"), kNow).conditions_json.find("\"reason\":\"Succeeded\"") != std::string::npos);
  CHECK(table_row(*pod, json::parse(R"({"status":{"phase":"Running"}})"), kNow).conditions_json.empty());
}

TEST_CASE("Nodes, services, events and config maps print as in Kubernetes") {
  CHECK(row("v1", "Node", R"({"metadata":{"name":"n","labels":{"node-role.kubernetes.io/worker":"","node-role.kubernetes.io/control-plane":""}},"spec":{"unschedulable":true},)"
                          R"("status":{"conditions":[{"type":"Ready","status":"True"}],"addresses":[{"type":"InternalIP","address":"10.0.0.1"}],"nodeInfo":{"kubeletVersion":"v1.36.2","kernelVersion":"6.1","architecture":"amd64","osImage":"Debian","containerRuntimeVersion":"containerd://1.6"}}})") ==
        R"x(["n","Ready,SchedulingDisabled","control-plane,worker","<unknown>","v1.36.2","10.0.0.1","<none>","Debian","6.1 (amd64)","containerd://1.6"])x");
  CHECK(row("v1", "Service", R"({"metadata":{"name":"s","creationTimestamp":"2024-05-01T09:59:55Z"},"spec":{"type":"NodePort","clusterIP":"10.0.0.9","clusterIPs":["10.0.0.9"],"selector":{"a":"b"},"ports":[{"port":80,"nodePort":30080},{"port":53,"protocol":"UDP"}]}})") ==
        R"(["s","NodePort","10.0.0.9","<none>","80:30080/TCP,53/UDP","5s","a=b"])");
  CHECK(row("v1", "Event", R"({"metadata":{"name":"e"},"type":"Normal","reason":"Pulled","message":" done\n","count":3,"involvedObject":{"kind":"Pod","name":"p"},"source":{"component":"kubelet","host":"n"},"lastTimestamp":"2024-05-01T09:59:50Z","firstTimestamp":"2024-05-01T09:00:00Z"})") ==
        R"(["10s","Normal","Pulled","pod/p","","kubelet, n","done","60m","3","e"])");
  CHECK(row("v1", "ConfigMap", R"({"metadata":{"name":"c"},"data":{"a":"1","b":"2"},"binaryData":{"c":"eA=="}})") == R"(["c",3,"<unknown>"])");
}

TEST_CASE("Columns of custom resources are read by path") {
  Kind custom = *builtin("v1", "ConfigMap");
  custom.strategy.custom_resource = true;
  custom.columns = {{"Ready", "string", "", "", 0, ".status.conditions[?(@.type==\"Ready\")].status"},
                    {"Count", "integer", "", "", 0, ".spec.count"},
                    {"First", "string", "", "", 0, ".spec.list[0].name"},
                    {"All", "string", "", "", 0, ".spec.list[*].name"},
                    {"Note", "string", "", "", 0, ".metadata.annotations.example\\.com/note"},
                    {"Missing", "string", "", "", 0, ".spec.none"},
                    {"Age", "date", "", "", 0, ".metadata.creationTimestamp"}};
  const auto object = json::parse(R"({"metadata":{"name":"x","creationTimestamp":"2024-05-01T09:00:00Z","annotations":{"example.com/note":"hi"}},"spec":{"count":3,"list":[{"name":"a"},{"name":"b"}]},)"
                                  R"("status":{"conditions":[{"type":"Other","status":"False"},{"type":"Ready","status":"True"}]}})");
  CHECK(table_row(custom, object, kNow).cells_json == R"(["x","True",3,"a","a,b","hi",null,"60m"])");
  custom.columns.clear();
  CHECK(table_row(custom, object, kNow).cells_json == R"(["x","60m"])");
  CHECK(table_columns(custom).at(1).name == "Age");
}

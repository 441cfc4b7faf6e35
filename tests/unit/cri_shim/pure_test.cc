#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <filesystem>
#include <fstream>

#include "cgroups.hpp"
#include "fakes.hpp"
#include "logs.hpp"
#include "node_status.hpp"
#include "pod_facts.hpp"

using namespace keelson;
using namespace keelson::node;
using namespace keelson::node::testing;

namespace {

Pod pod_with(const std::string& spec) {
  return pod_from(R"({"metadata":{"name":"web-1","namespace":"shop","uid":"u1","labels":{"app":"web","b":"x\"y"},"annotations":{"n":"1"}},"spec":)" + spec + "}");
}

std::shared_ptr<const core_v1::Service> service(const std::string& ns, const std::string& name, const std::string& ip) {
  return std::make_shared<const core_v1::Service>(decode<core_v1::Service>(
      R"({"metadata":{"name":")" + name + R"(","namespace":")" + ns + R"("},"spec":{"clusterIP":")" + ip + R"(","ports":[{"name":"http","port":80,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]}})"));
}

std::string value(const Environment& environment, const std::string& name) {
  for (const auto& [key, text] : environment)
    if (key == name) return text;
  return "<none>";
}

struct TempDir {
  std::string path;
  TempDir() {
    path = (std::filesystem::temp_directory_path() / "pure-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~TempDir() { std::filesystem::remove_all(path); }
};

std::string text_of_file(const std::string& path) { return read_file(path).value_or("<none>"); }

}  // namespace

TEST_CASE("references are expanded once, unknown ones stay, two dollars escape") {
  const Environment environment{{"A", "one"}, {"B", "$(A)"}};
  CHECK(expand("$(A)-$(B)", environment) == "one-$(A)");
  CHECK(expand("$(MISSING)", environment) == "$(MISSING)");
  CHECK(expand("$$(A) $$$(A)", environment) == "$(A) $one");
  CHECK(expand("$(A $A 5$", environment) == "$(A $A 5$");
}

TEST_CASE("variables see earlier ones and services, and may override services") {
  std::int64_t clock = 0;
  FakeCluster cluster;
  cluster.clock_ns = &clock;
  cluster.service_list = {service("shop", "my-db", "10.43.0.9"), service("default", "kubernetes", "10.43.0.1"), service("shop", "headless", "None")};
  const auto pod = pod_with(R"j({"containers":[{"name":"c","env":[{"name":"X","value":"$(MY_DB_SERVICE_HOST)"},{"name":"Y","value":"$(X)/$(LATER)"},
    {"name":"LATER","value":"l"},{"name":"MY_DB_PORT","value":"mine"},{"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},
    {"name":"MEM","valueFrom":{"resourceFieldRef":{"resource":"limits.memory","divisor":"1Mi"}}},
    {"name":"CPU","valueFrom":{"resourceFieldRef":{"resource":"requests.cpu"}}}],
    "resources":{"limits":{"memory":"100000Ki"},"requests":{"cpu":"1500m"}}}]})j");
  const auto made = container_environment(pod.spec.containers[0], {pod, cluster, {{"10.42.0.5"}, {"192.0.2.1"}}, {}});
  REQUIRE(made.has_value());
  CHECK(value(*made, "X") == "10.43.0.9");
  CHECK(value(*made, "Y") == "10.43.0.9/$(LATER)");
  CHECK(value(*made, "MY_DB_PORT") == "mine");
  CHECK(value(*made, "MY_DB_SERVICE_PORT_HTTP") == "80");
  CHECK(value(*made, "MY_DB_PORT_53_UDP") == "udp://10.43.0.9:53");
  CHECK(value(*made, "KUBERNETES_SERVICE_HOST") == "10.43.0.1");
  CHECK(value(*made, "HEADLESS_SERVICE_HOST") == "<none>");
  CHECK(value(*made, "IP") == "10.42.0.5");
  CHECK(value(*made, "MEM") == "98");
  CHECK(value(*made, "CPU") == "2");
}

TEST_CASE("without service links only the API server's variables are there") {
  const auto pod = pod_with(R"({"enableServiceLinks":false,"containers":[]})");
  const auto kubernetes = service("default", "kubernetes", "10.43.0.1");
  const auto made = service_environment(pod, {service("shop", "db", "10.43.0.9")}, kubernetes.get());
  CHECK(value(made, "DB_SERVICE_HOST") == "<none>");
  CHECK(value(made, "KUBERNETES_SERVICE_PORT") == "80");
}

TEST_CASE("fields of pods, and maps as sorted, quoted lines") {
  const auto pod = pod_with("{}");
  CHECK(*field_value(pod, "metadata.labels['app']", {}) == "web");
  CHECK(*field_value(pod, "metadata.labels['none']", {}).value_or("x").c_str() == '\0');
  CHECK(*field_value(pod, "metadata.labels", {}) == "app=\"web\"\nb=\"x\\\"y\"");
  CHECK_FALSE(field_value(pod, "spec.secret", {}));
}

TEST_CASE("image names get their registry and tag, and the tag decides the pull policy") {
  CHECK(normalized_image("nginx") == "docker.io/library/nginx:latest");
  CHECK(normalized_image("me/app:2") == "docker.io/me/app:2");
  CHECK(normalized_image("localhost:5000/app") == "localhost:5000/app:latest");
  CHECK(normalized_image("r.io/a/b@sha256:abc") == "r.io/a/b@sha256:abc");
  CHECK(normalized_image("Bad Name").empty());
  Container container;
  container.image = "nginx";
  CHECK(pull_policy(container) == "Always");
  container.image = "nginx:1.2";
  CHECK(pull_policy(container) == "IfNotPresent");
  container.imagePullPolicy = "Never";
  CHECK(pull_policy(container) == "Never");
}

TEST_CASE("credentials come from the pull secret of the image's registry") {
  auto secret = std::make_shared<core_v1::Secret>();
  secret->data[".dockerconfigjson"] = R"({"auths":{"https://index.docker.io/v1/":{"auth":"dTpwOnE="},"r.io":{"username":"a","password":"b"}}})";
  CHECK(pull_credentials("nginx", {secret}).username == "u");
  CHECK(pull_credentials("nginx", {secret}).password == "p:q");
  CHECK(pull_credentials("r.io/x:1", {secret}).username == "a");
  CHECK(pull_credentials("other.io/x:1", {secret}).username.empty());
}

TEST_CASE("quality of service, shares, quota and the out-of-memory score follow requests and limits") {
  const auto best = pod_with(R"({"containers":[{"name":"c"}]})");
  const auto burst = pod_with(R"({"containers":[{"name":"c","resources":{"requests":{"memory":"1Gi"}}}]})");
  const auto guaranteed = pod_with(R"({"containers":[{"name":"c","resources":{"limits":{"memory":"1Gi","cpu":"500m"}}}]})");
  CHECK(qos_class(best) == "BestEffort");
  CHECK(qos_class(burst) == "Burstable");
  CHECK(qos_class(guaranteed) == "Guaranteed");
  CHECK(cgroup_parent(guaranteed) == "/kubepods/podu1");
  CHECK(cgroup_parent(best) == "/kubepods/besteffort/podu1");
  CHECK(oom_score_adj(best, best.spec.containers[0], 4ll << 30) == 1000);
  CHECK(oom_score_adj(burst, burst.spec.containers[0], 4ll << 30) == 750);
  CHECK(oom_score_adj(guaranteed, guaranteed.spec.containers[0], 4ll << 30) == -997);
  CHECK(cpu_shares(0) == 2);
  CHECK(cpu_shares(500) == 512);
  CHECK(cpu_quota(500) == 50'000);
  CHECK(cpu_quota(1) == 1'000);
}

TEST_CASE("a pod as a whole gets its containers' sums, limits only when every container has one") {
  const auto some = pod_with(R"({"containers":[{"name":"a","resources":{"limits":{"cpu":"1","memory":"1Mi"}}},{"name":"b","resources":{"requests":{"cpu":"250m"}}}]})");
  CHECK(pod_limits(some).cpu_shares == 1280);
  CHECK_FALSE(pod_limits(some).cpu_quota_us.has_value());
  const auto all = pod_with(R"({"initContainers":[{"name":"i","resources":{"limits":{"cpu":"2","memory":"1Mi"}}}],
    "containers":[{"name":"a","resources":{"limits":{"cpu":"500m","memory":"2Mi"}}},{"name":"b","resources":{"limits":{"cpu":"500m","memory":"3Mi"}}}]})");
  CHECK(*pod_limits(all).cpu_quota_us == 200'000);
  CHECK(*pod_limits(all).memory_bytes == 5 << 20);
  CHECK(cpu_weight(2) == 1);
  CHECK(cpu_weight(262'144) == 10'000);
}

TEST_CASE("processes of a pod and of all pods together are bounded, in control groups of both versions") {
  const std::string root = (std::filesystem::temp_directory_path() / "cgroups-XXXXXX").string();
  std::string dir = root;
  REQUIRE(::mkdtemp(dir.data()) != nullptr);
  const auto pod = pod_with(R"({"containers":[{"name":"c"}]})");
  const std::string group = cgroup_parent(pod);
  const auto file = [&](const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(dir + path).parent_path());
    std::ofstream(dir + path) << "max";
  };
  const auto text = [&](const std::string& path) { return read_file(dir + path).value_or("none"); };
  for (const std::string& path : {"/pids" + group + "/pids.max", group + "/pids.max", std::string("/pids/kubepods/pids.max"), std::string("/kubepods/memory.max")}) file(path);
  apply_pod_limits(pod, pod_limits(pod), {{}, {}, {}}, dir);
  CHECK(text(group + "/pids.max") == "max");
  apply_pod_limits(pod, pod_limits(pod), {kPodPidsDefault, 29'492, 1 << 30}, dir);
  CHECK(text("/pids" + group + "/pids.max") == "4096");
  CHECK(text(group + "/pids.max") == "4096");
  CHECK(text("/pids/kubepods/pids.max") == "29492");
  CHECK(text("/kubepods/memory.max") == "1073741824");
  CHECK(text("/kubepods/pids.max") == "none");   // what is not there is not made
  CHECK(pids_can_be_bounded(dir));
  std::filesystem::remove_all(dir);
  CHECK_FALSE(pids_can_be_bounded(dir));
}

TEST_CASE("podPidsLimit is a number, below one none, by default 4096; all pods get nine tenths of what the kernel can number") {
  CHECK(pod_pids_limit("") == 4096);
  CHECK(pod_pids_limit("100") == 100);
  CHECK_FALSE(pod_pids_limit("-1").has_value());
  for (const char* bad : {"many", "1k", " 5"}) CHECK_THROWS(pod_pids_limit(bad));
  CHECK(pids_of_pods(32'768, 192'730) == 29'492);
  CHECK(pids_of_pods(4'194'304, 1'000) == 900);
  CHECK_FALSE(pids_of_pods(0, 192'730).has_value());
}

TEST_CASE("the hosts file has the pod's names and the aliases") {
  const auto pod = pod_with(R"({"hostname":"h","subdomain":"sub","hostAliases":[{"ip":"1.2.3.4","hostnames":["a","b"]}]})");
  const auto text = hosts_file(pod, {"10.42.0.5"}, "cluster.local", {});
  CHECK(text.rfind("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n", 0) == 0);
  CHECK(text.find("\n10.42.0.5\th.sub.shop.svc.cluster.local\th\n") != std::string::npos);
  CHECK(text.find("\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n") != std::string::npos);
}

TEST_CASE("host names are cut to 63 characters without a trailing dash") {
  auto pod = pod_with("{}");
  pod.meta.name = std::string(62, 'a') + "-b";
  CHECK(pod_hostname(pod) == std::string(62, 'a'));
}

TEST_CASE("resolver configuration by policy, with a pod's own additions") {
  DnsSettings settings{"cluster.local", {"10.43.0.10"}, "nameserver 9.9.9.9\nsearch corp.example\noptions timeout:1\n"};
  const auto first = pod_dns(pod_with(R"({"dnsPolicy":"ClusterFirst"})"), settings);
  CHECK(first.servers == std::vector<std::string>{"10.43.0.10"});
  CHECK(first.searches == std::vector<std::string>{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"});
  CHECK(first.options == std::vector<std::string>{"ndots:5"});
  CHECK(pod_dns(pod_with(R"({"dnsPolicy":"ClusterFirst","hostNetwork":true})"), settings).servers == std::vector<std::string>{"9.9.9.9"});
  const auto none = pod_dns(pod_with(R"({"dnsPolicy":"None","dnsConfig":{"nameservers":["1.1.1.1"],"options":[{"name":"ndots","value":"2"}]}})"), settings);
  CHECK(none.servers == std::vector<std::string>{"1.1.1.1"});
  CHECK(none.options == std::vector<std::string>{"ndots:2"});
  settings.cluster_dns.clear();
  CHECK(pod_dns(pod_with(R"({"dnsPolicy":"ClusterFirst"})"), settings).servers == std::vector<std::string>{"9.9.9.9"});
}

TEST_CASE("probes turn only after their thresholds, and a success between failures starts the count again") {
  ProbeState live(ProbeKind::liveness, 1, 3);
  CHECK(live.result() == ProbeOutcome::success);
  CHECK_FALSE(live.feed(false));
  CHECK_FALSE(live.feed(false));
  CHECK_FALSE(live.feed(true));
  CHECK_FALSE(live.feed(false));
  CHECK_FALSE(live.feed(false));
  CHECK(live.feed(false));
  CHECK(live.result() == ProbeOutcome::failure);
  ProbeState ready(ProbeKind::readiness, 2, 3);
  CHECK(ready.result() == ProbeOutcome::failure);
  CHECK_FALSE(ready.feed(true));
  CHECK(ready.feed(true));
}

TEST_CASE("back-off doubles from ten seconds to five minutes and is forgotten after ten quiet minutes") {
  Backoff backoff;
  std::int64_t now = kSecondNs;
  CHECK(backoff.delay("k", now) == 0);
  for (const std::int64_t seconds : {10, 20, 40, 80, 160, 300, 300}) {
    backoff.next("k", now);
    CHECK(backoff.delay("k", now) == seconds * kSecondNs);
    now += seconds * kSecondNs;
  }
  now += kBackoffForgetNs + 1;
  CHECK(backoff.delay("k", now) == 0);
}

TEST_CASE("a volume's files change all at once through one link, and not at all when nothing changed") {
  TempDir dir;
  CHECK(*write_atomic_dir(dir.path, {{"a", "1", 0644, {}}, {"sub/b", "2", 0400, {}}}, 1'000, {}) == node::Written::changed);
  CHECK(text_of_file(dir.path + "/a") == "1");
  CHECK(text_of_file(dir.path + "/sub/b") == "2");
  CHECK(std::filesystem::read_symlink(dir.path + "/a") == "..data/a");
  const auto data = std::filesystem::read_symlink(dir.path + "/..data");
  CHECK(*write_atomic_dir(dir.path, {{"a", "1", 0644, {}}, {"sub/b", "2", 0400, {}}}, 2'000, {}) == node::Written::unchanged);
  CHECK(std::filesystem::read_symlink(dir.path + "/..data") == data);
  CHECK(*write_atomic_dir(dir.path, {{"c", "3", 0644, {}}}, 3'000, {}) == node::Written::changed);
  CHECK(text_of_file(dir.path + "/c") == "3");
  CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(dir.path + "/a")));
  CHECK_FALSE(std::filesystem::exists(dir.path + "/" + data.string()));
}

TEST_CASE("a volume's file cannot leave its directory") {
  TempDir dir;
  for (const char* path : {"../x", "/x", "a/../../x", "..x", ""}) CHECK(write_atomic_dir(dir.path, {{path, "1", 0644, {}}}, 1, {}).has_error());
}

TEST_CASE("payloads take all keys, or the items under their paths, and miss what is not optional") {
  std::int64_t clock = 1'700'000'000'000'000'000;
  FakeCluster cluster;
  cluster.clock_ns = &clock;
  auto map = std::make_shared<core_v1::ConfigMap>();
  map->data = {{"a", "1"}, {"b", "2"}};
  cluster.config_maps[{"shop", "cfg"}] = map;
  const auto pod = pod_with(R"({"volumes":[{"name":"all","configMap":{"name":"cfg"}},{"name":"some","configMap":{"name":"cfg","items":[{"key":"b","path":"x/y","mode":256}]}},
    {"name":"none","configMap":{"name":"gone"}},{"name":"maybe","configMap":{"name":"gone","optional":true}},
    {"name":"mix","projected":{"sources":[{"configMap":{"name":"cfg"}},{"downwardAPI":{"items":[{"path":"name","fieldRef":{"fieldPath":"metadata.name"}}]}},
      {"serviceAccountToken":{"path":"token","expirationSeconds":3600}}]}}]})");
  TokenCache tokens;
  const VolumeInputs inputs{pod, cluster, {pod, cluster, {}, {}}, tokens};
  CHECK(volume_payload(pod.spec.volumes[0], inputs)->size() == 2);
  const auto some = volume_payload(pod.spec.volumes[1], inputs);
  REQUIRE(some->size() == 1);
  CHECK((*some)[0].path == "x/y");
  CHECK((*some)[0].mode == 0400);
  CHECK(volume_payload(pod.spec.volumes[2], inputs).has_error());
  CHECK(volume_payload(pod.spec.volumes[3], inputs)->empty());
  CHECK(volume_payload(pod.spec.volumes[4], inputs)->size() == 4);
}

TEST_CASE("a token is asked for once and again at four fifths of its life") {
  std::int64_t clock = 1'700'000'000'000'000'000;
  FakeCluster cluster;
  cluster.clock_ns = &clock;
  const auto pod = pod_with(R"({"volumes":[{"name":"t","projected":{"sources":[{"serviceAccountToken":{"path":"token","expirationSeconds":1000}}]}}]})");
  TokenCache tokens;
  const VolumeInputs inputs{pod, cluster, {pod, cluster, {}, {}}, tokens};
  CHECK((*volume_payload(pod.spec.volumes[0], inputs))[0].bytes == "token-1");
  clock += 799 * kSecondNs;
  CHECK((*volume_payload(pod.spec.volumes[0], inputs))[0].bytes == "token-1");
  CHECK(next_refresh_s(tokens) == 1'700'000'800);
  clock += kSecondNs;
  CHECK((*volume_payload(pod.spec.volumes[0], inputs))[0].bytes == "token-2");
}

TEST_CASE("a token of a clock that was ahead is replaced when the clock is right") {
  std::int64_t clock = 1'700'000'000'000'000'000 + 10LL * 365 * 24 * 3600 * kSecondNs;
  FakeCluster cluster;
  cluster.clock_ns = &clock;
  const auto pod = pod_with(R"({"volumes":[{"name":"t","projected":{"sources":[{"serviceAccountToken":{"path":"token","expirationSeconds":1000}}]}}]})");
  TokenCache tokens;
  const VolumeInputs inputs{pod, cluster, {pod, cluster, {}, {}}, tokens};
  CHECK((*volume_payload(pod.spec.volumes[0], inputs))[0].bytes == "token-1");
  clock = 1'700'000'000'000'000'000;
  CHECK((*volume_payload(pod.spec.volumes[0], inputs))[0].bytes == "token-2");
  CHECK((*volume_payload(pod.spec.volumes[0], inputs))[0].bytes == "token-2");
}

TEST_CASE("log lines lose their prefix, parts are joined, limits and times cut") {
  const std::string file =
      "2026-01-01T00:00:00.5Z stdout F one\n2026-01-01T00:00:01Z stderr F two\n2026-01-01T00:00:02Z stdout P th\n2026-01-01T00:00:02Z stdout F ree\n";
  const auto read = [&](LogOptions options) {
    LogFilter filter(options);
    std::string out;
    for (const char c : file) filter.feed(std::string_view(&c, 1), out);
    return out;
  };
  CHECK(read({}) == "one\ntwo\nthree\n");
  LogOptions stamped;
  stamped.timestamps = true;
  CHECK(read(stamped).rfind("2026-01-01T00:00:00.5Z one\n", 0) == 0);
  LogOptions late;
  late.since_ns = *parse_rfc3339("2026-01-01T00:00:01Z");
  CHECK(read(late) == "two\nthree\n");
  LogOptions limited;
  limited.limit_bytes = 5;
  CHECK(read(limited) == "one\nt");
  LogOptions errors;
  errors.stream = "stderr";
  CHECK(read(errors) == "two\n");
}

TEST_CASE("a log is read from a plain file below the logs alone") {
  TempDir dir;
  const auto logs = dir.path + "/logs", own = logs + "/pod/c";
  std::filesystem::create_directories(own);
  std::ofstream(own + "/0.log") << "line";
  std::ofstream(dir.path + "/secret") << "line";
  std::filesystem::create_symlink(dir.path + "/secret", own + "/1.log");
  std::filesystem::create_directory_symlink(dir.path + "/logs/pod/c", logs + "/pod/link");
  REQUIRE(::mkfifo((own + "/2.log").c_str(), 0600) == 0);
  const auto opens = [](const std::string& path) {
    const int fd = open_log(path);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
  };
  CHECK(opens(own + "/0.log"));
  for (const std::string other : {"/pod/c/1.log", "/pod/c/2.log", "/pod/link/0.log", "/pod/c/../../../secret", "/pod/c", "/pod/c/none.log"}) CHECK_FALSE(opens(logs + other));
  CHECK_FALSE(opens("/etc/hostname"));
}

TEST_CASE("the last lines of a log are found from its end") {
  TempDir dir;
  const std::string path = dir.path + "/log";
  std::ofstream(path) << "a\nbb\nccc\n";
  const int fd = ::open(path.c_str(), O_RDONLY);
  CHECK(tail_offset(fd, 0) == 9);
  CHECK(tail_offset(fd, 1) == 5);
  CHECK(tail_offset(fd, 2) == 2);
  CHECK(tail_offset(fd, 9) == 0);
  ::close(fd);
}

TEST_CASE("times with fractions and offsets are read") {
  CHECK(*parse_rfc3339("1970-01-01T00:00:01.25Z") == 1'250'000'000);
  CHECK(*parse_rfc3339("1970-01-01T01:00:00+01:00") == 0);
  CHECK_FALSE(parse_rfc3339("yesterday"));
}

TEST_CASE("log options are refused as upstream refuses them") {
  const auto said = [](const std::string& query) {
    const auto error = parse_log_options(query, "p", 0).error();
    CHECK(error.code == 422);
    CHECK(error.reason == "Invalid");
    return error.message;
  };
  CHECK(said("tailLines=-1") == R"(PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0)");
  CHECK(said("limitBytes=0&sinceSeconds=0") ==
        R"(PodLogOptions "p" is invalid: [limitBytes: Invalid value: 0: must be greater than 0, sinceSeconds: Invalid value: 0: must be greater than 0])");
  CHECK(said("sinceSeconds=5&sinceTime=2026-01-01T00:00:00Z") == "PodLogOptions \"p\" is invalid: []: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified");
  CHECK(said("stream=Foo") == R"(PodLogOptions "p" is invalid: stream: Unsupported value: "Foo": supported values: "All", "Stderr", "Stdout")");
  CHECK(said("stream=Stdout&tailLines=1") == "PodLogOptions \"p\" is invalid: []: Forbidden: `tailLines` and specific `stream` are mutually exclusive for now");
  CHECK(parse_log_options("tailLines=-1", "p", 0).error().status_json.find(R"("causes":[{"reason":"FieldValueInvalid","message":"Invalid value: -1: must be greater than or equal to 0","field":"tailLines"}])") != std::string::npos);
  CHECK(parse_log_options("stream=All&tailLines=1", "p", 0)->stream.empty());
  CHECK(parse_log_options("tailLines=x", "p", 0).error().code == 400);
  CHECK(parse_log_options("follow=true&container=a%20b", "p", 0)->container == "a b");
}

TEST_CASE("a container has to be named when there are several") {
  const auto pod = pod_with(R"({"containers":[{"name":"a"},{"name":"b"}],"initContainers":[{"name":"i"}]})");
  CHECK(choose_container(pod, "").error().message == "a container name must be specified for pod web-1, choose one of: [i a b]");
  CHECK(choose_container(pod, "z").error().message == "container z is not valid for pod web-1");
  CHECK(*choose_container(pod, "i") == "i");
}

TEST_CASE("a waiting container has no log yet, with upstream's words") {
  auto pod = pod_with(R"({"containers":[{"name":"a"}]})");
  ContainerStatus status;
  status.name = "a";
  status.state.waiting.emplace().reason = "ContainerCreating";
  pod.status.containerStatuses = {status};
  CHECK(check_log_state(pod, "a", false).error().message == "container \"a\" in pod \"web-1\" is waiting to start: ContainerCreating");
  CHECK(check_log_state(pod, "a", true).error().message == "previous terminated container \"a\" in pod \"web-1\" not found");
}

TEST_CASE("the node says why it is not ready, and keeps the conditions of others") {
  NodeInputs inputs;
  inputs.name = "n1";
  inputs.ip = "192.0.2.1";
  inputs.machine.cpus = 2;
  inputs.machine.memory_bytes = 4ll << 30;
  inputs.load.memory_available = 2ll << 30;
  inputs.now_s = 100;
  auto node = new_node(inputs);
  core_v1::NodeCondition foreign;
  foreign.type = "NetworkUnavailable";
  foreign.status = "False";
  node.status.conditions = {foreign};
  node.status = node_status(node, inputs);
  REQUIRE(node.status.conditions.size() == 5);
  CHECK(node.status.conditions[0].type == "NetworkUnavailable");
  CHECK(node.status.conditions[4].type == "Ready");
  CHECK(node.status.conditions[4].status == "False");
  CHECK(node.status.conditions[4].message.rfind("container runtime is down", 0) == 0);
  inputs.runtime.answers = true;
  inputs.runtime.conditions = {{"NetworkReady", "NetworkPluginNotReady", "cni plugin not initialized", false}};
  inputs.now_s = 110;
  auto later = node_status(node, inputs);
  CHECK(later.conditions[4].message == "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized");
  CHECK(later.conditions[4].lastTransitionTime == Time(100));
  inputs.runtime.conditions.clear();
  later = node_status(node, inputs);
  CHECK(later.conditions[4].reason == "KubeletReady");
  CHECK(later.conditions[4].lastTransitionTime == Time(110));
}

TEST_CASE("a heartbeat alone is no change") {
  NodeInputs inputs;
  inputs.now_s = 100;
  core_v1::Node node;
  node.status = node_status(node, inputs);
  inputs.now_s = 110;
  CHECK(same_but_heartbeat(node.status, node_status(node, inputs)));
  inputs.runtime.answers = true;
  CHECK_FALSE(same_but_heartbeat(node.status, node_status(node, inputs)));
}

TEST_CASE("a readiness gate that nobody has set keeps the pod unready") {
  auto pod = pod_with(R"({"containers":[{"name":"c"}],"readinessGates":[{"conditionType":"x.io/gate"}]})");
  PodView view;
  RunContainer running;
  running.id = "1";
  running.name = "c";
  running.state = RunState::running;
  view.containers = {running};
  const ProbeVerdicts verdicts;
  StatusInputs inputs{pod, view, verdicts, {}, {"192.0.2.1"}, {"10.42.0.5"}, true, false, {}, {}, 100, {}};
  const auto status = pod_status(inputs);
  CHECK(status.phase == "Running");
  for (const auto& condition : status.conditions) {
    if (condition.type == "Ready") CHECK(condition.message == "corresponding condition of pod readiness gate \"x.io/gate\" does not exist.");
    if (condition.type == "ContainersReady") CHECK(condition.status == "True");
  }
}

TEST_CASE("a terminal phase never goes back") {
  auto pod = pod_with(R"({"restartPolicy":"Never","containers":[{"name":"c"}]})");
  pod.status.phase = "Succeeded";
  PodView view;
  RunContainer running;
  running.name = "c";
  running.state = RunState::running;
  view.containers = {running};
  const ProbeVerdicts verdicts;
  CHECK(pod_status({pod, view, verdicts, {}, {}, {}, true, false, {}, {}, 100, {}}).phase == "Succeeded");
}

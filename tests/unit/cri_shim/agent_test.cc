#include <catch2/catch.hpp>

#include "pod_facts.hpp"
#include "world.hpp"

using namespace keelson;
using namespace keelson::node;
using namespace keelson::node::testing;

namespace {

const char* kPod = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","uid":"u1","resourceVersion":"1","generation":1},
  "spec":{"nodeName":"n1","restartPolicy":"Always","terminationGracePeriodSeconds":30,
  "containers":[{"name":"main","image":"keelson.dev/demo:1","imagePullPolicy":"IfNotPresent"}]}})";

}  // namespace

TEST_CASE("a pod of this node gets a sandbox and its container and is Running and Ready") {
  World world;
  world.add(kPod);
  world.settle();
  CHECK(world.cri.sandboxes.size() == 1);
  REQUIRE(world.cri.containers.size() == 1);
  CHECK(world.status().phase == "Running");
  CHECK(world.status().podIP == "10.42.0.7");
  REQUIRE(world.status().containerStatuses.size() == 1);
  CHECK(world.status().containerStatuses[0].ready);
  CHECK(world.cluster.count("Created") == 1);
  CHECK(world.cluster.count("Started") == 1);
}

TEST_CASE("the runtime does not wait for the API: that a pod was accepted is told while its sandbox is made") {
  World world;
  world.add(kPod);
  std::vector<bool> told;
  world.cri.around_sandbox = [&] { told.push_back(bool(world.status().startTime)); };
  world.settle();
  CHECK(told == std::vector<bool>{false, true});
  CHECK(world.status().phase == "Running");
}

TEST_CASE("a pod of another node is left alone") {
  World world;
  std::string other = kPod;
  other.replace(other.find("\"n1\""), 4, "\"n2\"");
  world.add(other);
  world.settle();
  CHECK(world.cri.sandboxes.empty());
}

TEST_CASE("a restarted agent adopts what runs and starts nothing again") {
  World world;
  world.add(kPod);
  world.settle();
  const auto running = world.cri.only_running();
  const auto before = world.status();
  world.restart_agent();
  world.settle();
  CHECK(world.cri.containers.size() == 1);
  CHECK(world.cri.only_running() == running);
  CHECK(world.status() == before);
}

TEST_CASE("a container that ends is restarted at once, then after ten seconds, and restarts are counted") {
  World world;
  world.add(kPod);
  world.settle();
  world.cri.exit(world.cri.only_running(), 7);
  world.settle();
  CHECK(world.status().containerStatuses[0].restartCount == 1);
  REQUIRE(world.status().containerStatuses[0].lastState.terminated);
  CHECK(world.status().containerStatuses[0].lastState.terminated->exitCode == 7);
  world.cri.exit(world.cri.only_running(), 7);
  const auto delay = world.settle();
  REQUIRE(world.status().containerStatuses[0].state.waiting);
  CHECK(world.status().containerStatuses[0].state.waiting->reason == "CrashLoopBackOff");
  CHECK(world.cri.only_running().empty());
  CHECK(delay <= 10 * kSecondNs);
  world.clock_ns += 10 * kSecondNs;
  world.settle();
  CHECK(world.status().containerStatuses[0].restartCount == 2);
}

TEST_CASE("a pod that is never restarted ends Failed or Succeeded by its exit code and keeps no sandbox running") {
  for (const int code : {0, 3}) {
    World world;
    std::string json = kPod;
    json.replace(json.find("\"Always\""), 8, "\"Never\"");
    world.add(json);
    world.settle();
    world.cri.exit(world.cri.only_running(), code);
    world.settle();
    CHECK(world.status().phase == (code == 0 ? "Succeeded" : "Failed"));
    CHECK(world.status().podIP.empty());
    CHECK_FALSE(world.cri.sandboxes.begin()->second.ready);
  }
}

TEST_CASE("a deleted pod is stopped with its grace, reported terminal, cleaned up and then removed") {
  World world;
  world.cri.stop_at_once = false;
  world.add(kPod);
  world.settle();
  world.mark_deleted(17);
  world.settle();
  REQUIRE(world.cri.stops.size() == 1);
  CHECK(world.cri.stops[0].second == 17);
  CHECK(world.cluster.removed.empty());
  CHECK(world.cluster.count("Killing") == 1);
  world.cri.finish_stops();
  world.settle();
  CHECK(world.cluster.removed == std::vector<Key>{world.key});
  CHECK(world.cri.containers.empty());
  CHECK(world.cri.sandboxes.empty());
  CHECK(world.volumes.uids().empty());
}

TEST_CASE("other plugins admit a pod, give it its address before a container starts, and are told when it goes") {
  World world;
  world.cluster.network = std::vector<std::string>{"10.9.9.9"};
  world.add(kPod);
  world.settle();
  CHECK(world.status().phase == "Running");
  CHECK(world.status().podIP == "10.9.9.9");
  world.mark_deleted(0);
  world.settle();
  CHECK(world.cluster.asked == std::vector<std::string>{"admit", "attach 10.42.0.7", "detach 10.9.9.9"});
}

TEST_CASE("a pod that another plugin refuses fails and starts nothing; one that nobody can judge or attach yet waits") {
  World world;
  world.cluster.admission = Error(503, "ServiceUnavailable", "not yet");
  world.add(kPod);
  world.settle();
  CHECK(world.cri.sandboxes.empty());
  CHECK(world.status().phase != "Failed");
  world.cluster.admission = Error(403, "Forbidden", "plugin p: not this image");
  world.settle();
  CHECK(world.status().phase == "Failed");
  CHECK(world.status().reason == "AdmissionRefused");
  CHECK(world.status().message == "plugin p: not this image");
  CHECK(world.cri.sandboxes.empty());
}

TEST_CASE("no container starts while its pod is not on the network") {
  World world;
  world.cluster.network = Error(503, "ServiceUnavailable", "no address free");
  world.add(kPod);
  world.settle();
  CHECK(world.cri.containers.empty());
  CHECK(world.cluster.count("FailedNetworkAttach") >= 1);
  world.cluster.network = std::vector<std::string>{"10.9.9.9"};
  world.settle();
  CHECK(world.status().podIP == "10.9.9.9");
}

TEST_CASE("a second deletion can only make the grace shorter") {
  World world;
  world.cri.stop_at_once = false;
  world.add(kPod);
  world.settle();
  world.mark_deleted(17);
  world.settle();
  world.mark_deleted(5);
  world.settle();
  world.mark_deleted(20);
  world.settle();
  REQUIRE(world.cri.stops.size() == 2);
  CHECK(world.cri.stops[1].second == 5);
}

TEST_CASE("what the runtime has of a pod that the API has not is stopped and removed") {
  World world;
  world.add(kPod);
  world.settle();
  world.cluster.pods.clear();
  world.restart_agent();
  world.settle();
  CHECK(world.cri.containers.empty());
  CHECK(world.cri.sandboxes.empty());
  REQUIRE(world.cri.stops.size() == 1);
  CHECK(world.cri.stops[0].second == kGraceMinS);
}

TEST_CASE("a new agent is told the names of all pods that the runtime has") {
  World world;
  world.add(kPod);
  world.settle();
  world.restart_agent();
  CHECK(world.agent->relist(world.cluster) == std::vector<Key>{world.key});
}

TEST_CASE("a pod made again under its name takes nothing over from its predecessor") {
  World world;
  world.add(kPod);
  world.settle();
  const auto old = world.cri.only_running();
  std::string again = kPod;
  again.replace(again.find("\"u1\""), 4, "\"u2\"");
  world.add(again);
  world.settle();
  CHECK_FALSE(world.cri.containers.contains(old));
  REQUIRE(world.cri.containers.size() == 1);
  CHECK(world.cri.containers.begin()->second.pod_uid == "u2");
  CHECK(world.status().containerStatuses[0].restartCount == 0);
}

TEST_CASE("a sandbox that died is made again with its containers, and the restarts count") {
  World world;
  world.add(kPod);
  world.settle();
  world.cri.sandboxes.begin()->second.ready = false;
  world.cri.exit(world.cri.only_running(), 137);
  world.run_for(3);
  CHECK(world.status().phase == "Running");
  CHECK(world.cluster.count("SandboxChanged") == 1);
  CHECK(world.status().containerStatuses[0].restartCount == 1);
}

TEST_CASE("a changed image restarts the container in place") {
  World world;
  world.cri.present.insert("keelson.dev/demo:2");
  world.add(kPod);
  world.settle();
  const auto old = world.cri.only_running();
  auto pod = std::make_shared<Pod>(*world.cluster.pods.at(world.key));
  pod->spec.containers[0].image = "keelson.dev/demo:2";
  world.cluster.pods[world.key] = pod;
  world.settle();
  CHECK(world.cri.only_running() != old);
  CHECK(world.cri.containers.at(world.cri.only_running()).image == "keelson.dev/demo:2");
}

TEST_CASE("an image that is not there shows ErrImagePull, then ImagePullBackOff, with events") {
  World world;
  world.cri.present.clear();
  world.add(kPod);
  world.settle();
  REQUIRE(world.status().containerStatuses[0].state.waiting);
  CHECK(world.status().containerStatuses[0].state.waiting->reason == "ErrImagePull");
  world.clock_ns += kSecondNs;
  world.settle();
  CHECK(world.status().containerStatuses[0].state.waiting->reason == "ImagePullBackOff");
  CHECK(world.cluster.count("Pulling") == 1);
  CHECK(world.cluster.count("BackOff") == 1);
  world.cri.present.insert("keelson.dev/demo:1");
  world.clock_ns += 10 * kSecondNs;
  world.settle();
  CHECK(world.status().phase == "Running");
}

TEST_CASE("a sandbox that cannot be made is an event, and the pod stays pending until it can") {
  World world;
  world.cri.sandbox_failure = Error{500, "InternalError", R"(plugin type="bridge" failed (add): incompatible CNI versions)", {}};
  world.add(kPod);
  world.settle();
  CHECK(world.status().phase == "Pending");
  REQUIRE(world.cluster.count("FailedCreatePodSandBox") == 1);
  const auto said = std::find_if(world.cluster.events.begin(), world.cluster.events.end(), [](const auto& event) { return event.reason == "FailedCreatePodSandBox"; });
  CHECK(said->warning);
  CHECK(said->note == R"(Failed to create pod sandbox: plugin type="bridge" failed (add): incompatible CNI versions)");
  world.cri.sandbox_failure.reset();
  world.clock_ns += 2 * kSecondNs;
  world.settle();
  CHECK(world.status().phase == "Running");
}

TEST_CASE("a missing ConfigMap key keeps the container from starting and says so") {
  World world;
  std::string json = kPod;
  json.replace(json.find("\"imagePullPolicy\""), 17, R"("env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"cfg","key":"a"}}}],"imagePullPolicy")");
  world.add(json);
  world.settle();
  REQUIRE(world.status().containerStatuses[0].state.waiting);
  CHECK(world.status().containerStatuses[0].state.waiting->reason == "CreateContainerConfigError");
  CHECK(world.status().containerStatuses[0].state.waiting->message == "configmap \"cfg\" not found");
  CHECK(world.agent->readers_of("default", "ConfigMap", "cfg") == std::vector<Key>{world.key});
  auto map = std::make_shared<core_v1::ConfigMap>();
  map->data["a"] = "1";
  world.cluster.config_maps[{"default", "cfg"}] = map;
  world.settle();
  CHECK(world.status().phase == "Running");
}

TEST_CASE("init containers run one after another before the others, and a failing one is repeated") {
  World world;
  std::string json = kPod;
  json.replace(json.find("\"containers\""), 12, R"("initContainers":[{"name":"one","image":"keelson.dev/demo:1","imagePullPolicy":"IfNotPresent"},{"name":"two","image":"keelson.dev/demo:1","imagePullPolicy":"IfNotPresent"}],"containers")");
  world.add(json);
  world.settle();
  CHECK(world.cri.containers.at(world.cri.only_running()).name == "one");
  CHECK(world.status().phase == "Pending");
  CHECK(world.status().containerStatuses[0].state.waiting->reason == "PodInitializing");
  world.cri.exit(world.cri.only_running(), 1);
  world.settle();
  CHECK(world.cri.containers.at(world.cri.only_running()).name == "one");
  world.cri.exit(world.cri.only_running(), 0);
  world.settle();
  CHECK(world.cri.containers.at(world.cri.only_running()).name == "two");
  world.cri.exit(world.cri.only_running(), 0);
  world.settle();
  CHECK(world.cri.containers.at(world.cri.only_running()).name == "main");
  CHECK(world.status().phase == "Running");
}

TEST_CASE("a sidecar starts before the containers and ends after them") {
  World world;
  std::string json = kPod;
  json.replace(json.find("\"containers\""), 12, R"("initContainers":[{"name":"side","restartPolicy":"Always","image":"keelson.dev/demo:1","imagePullPolicy":"IfNotPresent"}],"containers")");
  world.add(json);
  world.settle();
  CHECK(world.status().phase == "Running");
  CHECK(world.cri.containers.size() == 2);
  world.cri.stop_at_once = false;
  world.mark_deleted(5);
  world.settle();
  REQUIRE(world.cri.stops.size() == 1);
  CHECK(world.cri.containers.at(world.cri.stops[0].first).name == "main");
  world.cri.finish_stops();
  world.settle();
  REQUIRE(world.cri.stops.size() == 2);
  CHECK(world.cri.containers.at(world.cri.stops[1].first).name == "side");
  world.cri.finish_stops();
  world.settle();
  CHECK(world.cluster.removed.size() == 1);
}

TEST_CASE("activeDeadlineSeconds ends the pod as Failed with DeadlineExceeded") {
  World world;
  std::string json = kPod;
  json.replace(json.find("\"restartPolicy\""), 15, R"("activeDeadlineSeconds":60,"restartPolicy")");
  world.add(json);
  CHECK(world.settle() <= 60 * kSecondNs);
  world.clock_ns += 61 * kSecondNs;
  world.settle();
  CHECK(world.status().phase == "Failed");
  CHECK(world.status().reason == "DeadlineExceeded");
  CHECK(world.cri.only_running().empty());
}

TEST_CASE("whichever call of the runtime fails once, the pod comes up with one sandbox and one running container") {
  for (int call = 1; call < 30; ++call) {
    World world;
    world.cri.fail_call = call;
    world.add(kPod);
    world.run_for(8);
    if (world.status().phase != "Running") world.settle();   // the runtime's return wakes every pod
    INFO("call " << call);
    CHECK(world.status().phase == "Running");
    int running = 0, ready = 0;
    for (const auto& [id, container] : world.cri.containers) running += container.state == RunState::running ? 1 : 0;
    for (const auto& [id, sandbox] : world.cri.sandboxes) ready += sandbox.ready ? 1 : 0;
    CHECK(running == 1);
    CHECK(ready == 1);
  }
}

TEST_CASE("whichever call of the runtime fails once, a deleted pod leaves nothing behind") {
  for (int call = 1; call < 30; ++call) {
    World world;
    world.add(kPod);
    world.settle();
    world.mark_deleted(1);
    world.cri.fail_call = world.cri.calls + call;
    world.run_for(8);
    world.settle();
    INFO("call " << call);
    CHECK(world.cluster.removed.size() == 1);
    CHECK(world.cri.containers.empty());
    CHECK(world.cri.sandboxes.empty());
  }
}

TEST_CASE("a container added to look through a pod starts once, sees its target's processes and is never started again") {
  World w;
  w.add(kPod);
  w.run_for(5);
  const auto main = w.cri.only_running();
  const auto add = [&](const std::string& ephemeral) {
    auto pod = std::make_shared<Pod>(*w.cluster.pods.at(w.key));
    pod->spec.ephemeralContainers.push_back(decode<core_v1::EphemeralContainer>(ephemeral));
    w.cluster.pods[w.key] = pod;
    w.run_for(3);
  };
  add(R"({"name":"look","image":"keelson.dev/demo:1","imagePullPolicy":"IfNotPresent","targetContainerName":"main"})");
  REQUIRE(w.cri.targets.size() == 1);
  const auto [id, target] = *w.cri.targets.begin();
  CHECK(target == main);
  REQUIRE(w.status().ephemeralContainerStatuses.size() == 1);
  const auto look = [&] { return w.status().ephemeralContainerStatuses.front(); };
  CHECK((look().state.running && look().containerID == "containerd://" + id && !look().ready && !look().started));
  CHECK(w.cluster.events.back().field_path == "spec.ephemeralContainers{look}");
  CHECK(w.status().containerStatuses.front().ready);

  w.cri.exit(id, 7);
  w.agent->container_exited(id);
  w.run_for(5);
  CHECK((look().state.terminated && look().state.terminated->exitCode == 7 && look().restartCount == 0));
  CHECK(w.cri.only_running() == main);
  w.cri.containers.erase(id);   // the runtime forgets it
  w.restart_agent();
  w.run_for(5);
  CHECK(w.cri.targets.size() == 1);
  CHECK((look().state.terminated && look().state.terminated->exitCode == 7));

  add(R"({"name":"lost","image":"keelson.dev/demo:1","imagePullPolicy":"IfNotPresent","targetContainerName":"nobody"})");
  const auto lost = w.status().ephemeralContainerStatuses.back();
  CHECK((lost.state.waiting && lost.state.waiting->reason == "CreateContainerConfigError" && lost.state.waiting->message == "unable to find target container nobody"));
}

TEST_CASE("containers that only look do not keep a finished pod, and end with a deleted one") {
  World w;
  w.add(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","uid":"u1","resourceVersion":"1"},"spec":{"nodeName":"n1","restartPolicy":"Never",
    "containers":[{"name":"main","image":"keelson.dev/demo:1","imagePullPolicy":"IfNotPresent"}],"ephemeralContainers":[{"name":"look","image":"keelson.dev/demo:1","imagePullPolicy":"IfNotPresent"}]}})");
  w.run_for(5);
  CHECK(w.status().ephemeralContainerStatuses.front().state.running);
  const auto& containers = w.status().containerStatuses;
  const auto main = containers.front().containerID.substr(std::string("containerd://").size());
  w.cri.exit(main, 0);
  w.agent->container_exited(main);
  w.run_for(5);
  CHECK(w.status().phase == "Succeeded");
  CHECK(w.status().ephemeralContainerStatuses.front().state.terminated);
  CHECK(w.cri.only_running().empty());
}

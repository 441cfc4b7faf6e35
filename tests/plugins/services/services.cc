// A plugin for tests of what the host offers beside reconciling. ConfigMaps serve "echo", "endless", "refuse" and "onward" as
// streams. What a ConfigMap's data asks for: "pair" n makes <name>-1 and <name>-2 in one transaction, the second under the name n; "pairs" n
// makes <name>-1 to <name>-6 in three transactions together, the fourth under the name n, and <name>-failed-PLACE for each of them that failed;
// "submit" n patches the ConfigMap n without waiting and counts the answers, "submit-all" n patches Leases and ConfigMaps of that name, several
// together, "submit-too-many" n more than go together, "submit-new" n makes it so, "submit-change" n changes it, "ignore" does not return,
// cancelled or not, until the file $KEELSON_TEST_RELEASE exists.
#include <keelson/sdk.hpp>

#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace {

using keelson::ConfigMap;

void ignore_everything(keelson::Context& ctx) {
  const char* release = std::getenv("KEELSON_TEST_RELEASE");
  // Outside of the call, so that its cancellation is not seen.
  while (release != nullptr && ::access(release, F_OK) != 0) ctx.sleep(std::chrono::seconds(1));
}

class Services final : public keelson::Reconciler<ConfigMap> {
 public:
  explicit Services(keelson::Setup& setup)
      : setup_context_(setup.context()), done_(setup.counter("services_submits_done_total", "Submitted writes that succeeded.")),
        failed_(setup.counter("services_submits_failed_total", "Submitted writes that failed.")) {}

  keelson::Result reconcile(keelson::Context& ctx, const ConfigMap& map) override {
    const auto& data = map.data;
    if (data.contains("ignore")) ignore_everything(setup_context_);
    if (data.contains("pair")) return pair(ctx, map, data.at("pair"));
    if (data.contains("pairs")) return pairs(ctx, map, data.at("pairs"));
    if (data.contains("submit")) submit(ctx, map, data.at("submit"));
    if (data.contains("submit-all")) submit_all(ctx, {map.meta.namespace_, data.at("submit-all")});
    if (data.contains("bind-all")) bind_all(ctx, {map.meta.namespace_, data.at("bind-all")});
    if (data.contains("submit-too-many")) submit_too_many(ctx, {map.meta.namespace_, data.at("submit-too-many")});
    if (data.contains("submit-new")) ctx.submit_create(child(map, data.at("submit-new")), counted());
    if (data.contains("submit-change")) submit_change(ctx, {map.meta.namespace_, data.at("submit-change")});
    if (data.contains("mark") && !map.meta.annotations.contains("marked")) {
      ConfigMap next = map;
      next.meta.annotations["marked"] = "yes";
      return ctx.modify(map, next);
    }
    return keelson::done();
  }

 private:
  static ConfigMap child(const ConfigMap& map, const std::string& name) {
    ConfigMap made;
    made.meta.name = name;
    made.meta.namespace_ = map.meta.namespace_;
    return made;
  }
  static keelson::Result pair(keelson::Context& ctx, const ConfigMap& map, const std::string& second) {
    keelson::Transaction transaction;
    transaction.create(child(map, map.meta.name + "-1")).create(child(map, second));
    const auto committed = ctx.commit(transaction);
    if (!committed && !already_exists(committed.error())) return keelson::invalid("data.pair", committed.error().message);
    return keelson::done();
  }
  static keelson::Result pairs(keelson::Context& ctx, const ConfigMap& map, const std::string& fourth) {
    const auto numbered = [&](int number) { return child(map, number == 4 ? fourth : map.meta.name + "-" + std::to_string(number)); };
    std::vector<keelson::Transaction> all(3);
    for (int number = 1; number <= 6; ++number) all[(number - 1) / 2].create(numbered(number));
    const auto committed = ctx.commit_each(all);
    for (std::size_t place = 0; place < committed.size(); ++place)
      if (!committed[place] && already_exists(committed[place].error())) (void)ctx.create(child(map, map.meta.name + "-failed-" + std::to_string(place)));
    return keelson::done();
  }
  std::function<void(const keelson::Error*)> counted() {
    return [this](const keelson::Error* error) { (error ? failed_ : done_).inc(); };
  }
  void submit_change(keelson::Context& ctx, const keelson::Key& target) {
    const auto held = ctx.find<ConfigMap>(target);
    if (!held) return;
    ConfigMap next = *held;
    next.data["changed"] = "yes";
    ctx.submit_modify(*held, next, "", counted());
  }
  void submit(keelson::Context& ctx, const ConfigMap& map, const std::string& target) {
    ctx.submit_patch(ConfigMap::gvk, {map.meta.namespace_, target}, "", R"({"data":{"submitted":"yes"}})", counted());
  }
  /// Twice what there is, once in a namespace that there is not.
  void submit_all(keelson::Context& ctx, const keelson::Key& target) {
    const auto all = [&](std::string first, std::string second) {
      std::vector<keelson::Context::Submitted> patches;
      patches.push_back({target, std::move(first), counted()});
      patches.push_back({{"nowhere", target.name}, second, counted()});
      patches.push_back({target, second, counted()});
      return patches;
    };
    ctx.submit_patches(ConfigMap::gvk, "", all(R"({"data":{"submitted":"first"}})", R"({"data":{"submitted":"second"}})"));
    ctx.submit_patches(keelson::coordination_v1::Lease::gvk, "", all(R"({"spec":{"renewTime":"2026-01-01T00:00:01.000000Z"}})", R"({"spec":{"renewTime":"2026-01-01T00:00:02.000000Z"}})"));
    ctx.submit_patches(ConfigMap::gvk, "", {});
  }
  /// Twice to one node, and a pod that there is not.
  void bind_all(keelson::Context& ctx, const keelson::Key& pod) {
    const auto binding = [&](const keelson::Key& key) {
      return keelson::Context::Submitted{key, keelson::str(R"({"metadata":{"name":")", key.name, R"("},"target":{"kind":"Node","name":"n1"}})"), counted()};
    };
    ctx.submit_posts(keelson::core_v1::Pod::gvk, "binding", {binding(pod), binding({pod.ns, "none"}), binding(pod)});
  }
  /// More than are taken together.
  void submit_too_many(keelson::Context& ctx, const keelson::Key& target) {
    std::vector<keelson::Context::Submitted> patches;
    for (unsigned i = 0; i <= KEELSON_TOGETHER_MAX; ++i) patches.push_back({target, R"({"data":{"submitted":"yes"}})", counted()});
    ctx.submit_patches(ConfigMap::gvk, "", std::move(patches));
  }

  keelson::Context setup_context_;
  keelson::Counter done_, failed_;
};

bool ours(const keelson::Ref<ConfigMap>& before, const keelson::Ref<ConfigMap>& now) { return (now ? now : before).label("services") == "yes"; }

void echo(keelson::Context& ctx, const keelson::Request& request, keelson::Stream& stream) {
  const auto map = ctx.get<ConfigMap>({request.ns, request.name});
  if (!map) return stream.fail(map.error());
  stream.respond(200, "text/plain");
  stream.write(keelson::str(request.method, " ", request.query, " by ", request.user, "\n"));
  for (const auto& [name, value] : (*map)->data) stream.write(keelson::str(name, "=", value, "\n"));
}

void endless(keelson::Context& ctx, const keelson::Request&, keelson::Stream& stream) {
  stream.respond(200, "text/plain");
  while (!ctx.cancelled() && stream.write("again\n")) ctx.sleep(std::chrono::seconds(1));
}

}  // namespace

KEELSON_PLUGIN("services", "1.0.0", setup) {
  setup.may<ConfigMap>({"create", "delete"});
  setup.may<keelson::coordination_v1::Lease>({"patch"});
  setup.may({{"create"}, {""}, {"pods/binding"}});
  setup.controller<ConfigMap>(std::make_unique<Services>(setup)).name("services").when<ConfigMap>(ours).deadline(std::chrono::minutes(1)).workers(1);
  setup.serve(ConfigMap::gvk, "echo", echo);
  setup.serve(ConfigMap::gvk, "endless", endless);
  setup.serve(ConfigMap::gvk, "refuse", [](keelson::Context&, const keelson::Request&, keelson::Stream& stream) { stream.fail({403, "Forbidden", "not today", {}}); });
  setup.serve(ConfigMap::gvk, "odd", [](keelson::Context&, const keelson::Request& request, keelson::Stream& stream) {
    if (request.query == "split") return stream.respond(200, "text/plain\r\nSet-Cookie: a=b");
    if (request.query == "smuggle") return stream.forward("127.0.0.1:4000", "/there HTTP/1.1\r\nX-Remote-User: admin");
    stream.respond(std::atoi(request.query.c_str()), "text/plain");
  });
  setup.serve(ConfigMap::gvk, "onward", [](keelson::Context&, const keelson::Request&, keelson::Stream& stream) { stream.forward("127.0.0.1:4000", "/there?x=1"); });
}

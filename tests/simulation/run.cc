#include "tests/simulation/run.hpp"

#include <boost/json.hpp>

#include "tests/simulation/broken.hpp"

namespace keelson::simulation {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kStepsMin = 40, kStepsMore = 80;
constexpr std::uint64_t kMaps = 4, kDeployments = 2, kReplicasMax = 3;
constexpr std::uint64_t kSettleStepsMax = 5'000'000;
constexpr std::int64_t kMs = base::kNanosPerMs, kSecond = base::kNanosPerSecond;
constexpr int kRestMax = 60;   // tens of seconds until everything has to be done

std::string map_text(const std::string& name, bool left, const std::string& value, std::optional<store::Revision> compared) {
  json::object metadata{{"name", name}, {"labels", {{"side", left ? "left" : "right"}}}};
  if (compared) metadata["resourceVersion"] = std::to_string(*compared);
  return json::serialize(json::object{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", std::move(metadata)}, {"data", {{"value", value}}}});
}

std::string deployment_text(const std::string& name, std::uint64_t replicas) {
  return json::serialize(json::object{{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"metadata", {{"name", name}}},
                                      {"spec", {{"replicas", replicas}, {"selector", {{"matchLabels", {{"app", name}}}}},
                                                {"template", {{"metadata", {{"labels", {{"app", name}}}}}, {"spec", {{"containers", {{{"name", "c"}, {"image", "i"}}}}}}}}}}});
}

}  // namespace

Run::Run(std::uint64_t seed, const std::vector<std::string>& plugins, std::string scratch) : seed_(seed), plugins_(plugins), scratch_(std::move(scratch)), random_(seed), runtime_(base::simulated_runtime(seed)) {
  caller_.user.name = "system:admin";
  caller_.user.groups = {"system:masters", "system:authenticated"};
  caller_.request_id = caller_.field_manager = "simulation";
  for (const auto& [kind, labels] : {std::pair("ConfigMap", ""), std::pair("ConfigMap", "side=left"), std::pair("Pod", ""), std::pair("ReplicaSet", "app=d0")})
    watchers_.push_back(std::make_unique<Watcher>(kind, labels));
}

Run::~Run() {
  workers_.reset();
  for (auto& watcher : watchers_) watcher->close();
}

void Run::start() {
  server_ = std::make_unique<Server>(disk_, *runtime_, random_(), plugins_, scratch_);
  const auto head = server_->store().snapshot().revision();
  if (head < head_) throw Broken("numbering goes on at " + std::to_string(head) + " after " + std::to_string(head_) + " was shown");
  workers_ = std::make_unique<Workers>(*server_, *runtime_, "ConfigMap", random_());
}

// What the old server still answers is not heard: its clients are gone.
void Run::stop(bool power_cut) {
  look_at_head();
  if (power_cut) {
    disk_.cut(random_);
    ++life_;
  }
  reconciles_ += workers_->reconciles();
  for (auto& watcher : watchers_) {
    if (!power_cut) watcher->take(*server_, caller_);
    watcher->close();
  }
  workers_.reset();
  server_.reset();
  ++life_;
}

// What others bring otherwise: the namespace and the account of its pods.
void Run::prepare() {
  send(verbs::Verbs::Step::Op::create, "Namespace", "default", R"({"metadata":{"name":"default"}})", {});
  runtime_->advance(kSecond, kSettleStepsMax);
  send(verbs::Verbs::Step::Op::create, "ServiceAccount", "default", R"({"metadata":{"name":"default"}})", {});
  runtime_->advance(kSecond, kSettleStepsMax);
}

void Run::send(verbs::Verbs::Step::Op op, const std::string& kind, const std::string& name, std::string body, std::optional<store::Revision> compared) {
  using Op = verbs::Verbs::Step::Op;
  const auto of = server_->kind(kind);
  const verbs::Target target{of, of->namespaced ? "default" : "", op == Op::create ? "" : name, ""};
  const auto done = [this, life = life_, server = server_.get(), compared, before = told_](base::Outcome<verbs::Written> written) {
    if (life == life_ && written) acknowledged(*server, *written, compared, before);
  };
  auto& verbs = server_->verbs();
  verbs::DeleteOptions remove;
  if (op == Op::remove && compared) remove.resource_version = std::to_string(*compared);
  switch (op) {
    case Op::create: return verbs.create(caller_, target, {kinds::Media::json, std::move(body)}, {}, done);
    case Op::update: return verbs.update(caller_, target, {kinds::Media::json, std::move(body)}, {}, done);
    case Op::patch: return verbs.patch(caller_, target, kinds::PatchType::merge, {kinds::Media::json, std::move(body)}, {}, done);
    case Op::remove: return verbs.remove(caller_, target, std::move(remove), done);
  }
}

void Run::acknowledged(Server& server, const verbs::Written& written, std::optional<store::Revision> compared, store::Revision before) {
  const auto& object = *written.object;
  const auto& key = object.key();
  ++written_;
  // Of maps: each value is another; other writes may change nothing, and are then answered with what there is.
  if (key.resource.text() == "configmaps" && object.revision() <= before) broken_ = "a write of " + key.name + " has revision " + std::to_string(object.revision()) + ", its client had heard of " + std::to_string(before);
  if (server.store().snapshot().revision() < object.revision()) broken_ = "revision " + std::to_string(object.revision()) + " of " + key.name + " is answered and cannot be read";
  told_ = std::max(told_, object.revision());
  if (key.resource.text() == "configmaps") known_[key.name] = written.gone ? 0 : object.revision();
  acknowledged_.push_back({key, object.revision(), written.gone, written.gone ? "" : std::string(object.body()), compared, before});
}

void Run::write_map() {
  using Op = verbs::Verbs::Step::Op;
  const auto name = "m" + text(kMaps);
  const bool left = pick(2) == 0;
  const auto value = std::to_string(++written_) + "-" + std::to_string(seed_);
  const auto known = known_.find(name);
  const bool there = known != known_.end() && known->second != 0;
  const auto compared = there && pick(2) == 0 ? std::optional(known->second) : std::nullopt;
  switch (there || pick(3) == 0 ? pick(7) : 0) {
    case 0: return send(Op::create, "ConfigMap", name, map_text(name, left, value, {}), {});
    case 1: return send(Op::remove, "ConfigMap", name, "", compared);
    case 2: return send(Op::patch, "ConfigMap", name, json::serialize(json::object{{"data", {{"value", value}}}, {"metadata", {{"labels", {{"side", left ? "left" : "right"}}}}}}), {});
    default: return send(Op::update, "ConfigMap", name, map_text(name, left, value, compared), compared);
  }
}

void Run::write_deployment() {
  using Op = verbs::Verbs::Step::Op;
  const auto name = "d" + text(kDeployments);
  switch (pick(4)) {
    case 0: return send(Op::remove, "Deployment", name, "", {});
    case 1: return send(Op::patch, "Deployment", name, json::serialize(json::object{{"spec", {{"replicas", pick(kReplicasMax + 1)}}}}), {});
    default: return send(Op::create, "Deployment", name, deployment_text(name, pick(kReplicasMax + 1)), {});
  }
}

void Run::look_at_head() {
  if (!broken_.empty()) throw Broken(broken_);
  const auto head = server_->store().snapshot().revision();
  if (head < head_) throw Broken("the newest revision goes back from " + std::to_string(head_) + " to " + std::to_string(head));
  head_ = head;
}

void Run::step(Counts& counts) {
  ++counts.steps;
  const auto dice = pick(100);
  if (dice < 45) write_map();
  else if (dice < 53) write_deployment();
  else if (dice < 70) runtime_->advance(static_cast<std::int64_t>(pick(3'000)) * 1'000, kSettleStepsMax);
  else if (dice < 82) watchers_[pick(watchers_.size())]->take(*server_, caller_);
  else if (dice < 85) watchers_[pick(watchers_.size())]->ask_bookmark();
  else if (dice < 90) runtime_->advance(static_cast<std::int64_t>(pick(100)) * kMs, kSettleStepsMax);
  else if (dice < 95) server_->host().lose_watches();
  else if (dice < 98) runtime_->advance(6 * 60 * kSecond, kSettleStepsMax);   // beyond bookmarks and a compaction
  else {
    const bool cut = pick(4) != 0;
    stop(cut);
    ++(cut ? counts.cuts : counts.restarts);
    start();
  }
  look_at_head();
}

bool Run::deployments_are_done() {
  const auto state = server_->store().snapshot();
  std::map<std::string, std::int64_t> wanted, there;
  state.scan(base::Atom("deployments.apps"), "default", nullptr, [&](const store::ObjectRef& object) {
    wanted[object->key().name] = json::parse(object->body()).at_pointer("/spec/replicas").to_number<std::int64_t>();
    return true;
  });
  state.scan(base::Atom("pods"), "default", nullptr, [&](const store::ObjectRef& object) {
    const auto* app = object->label(base::Atom("app"));
    ++there[std::string(app ? *app : std::string_view())];
    return true;
  });
  std::erase_if(wanted, [](const auto& entry) { return entry.second == 0; });
  return wanted == there;
}

std::string Run::plugins_shown() const {
  std::string out;
  for (const auto& one : server_->host().plugins()) out += one.name + " " + one.state + " " + one.message + ", queue " + std::to_string(one.queue_length) + ", errors " + std::to_string(one.errors) + "; ";
  return out;
}

void Run::come_to_rest() {
  for (int i = 0; i < kRestMax; ++i) {
    if (!runtime_->advance(10 * kSecond, kSettleStepsMax)) throw Broken("it does not come to rest");
    if (i > 0 && deployments_are_done()) break;
    if (i + 1 == kRestMax) throw Broken("the pods are not those that the deployments ask for; plugins: " + plugins_shown());
  }
  for (auto& watcher : watchers_) watcher->take(*server_, caller_), watcher->take(*server_, caller_);
  runtime_->advance(kSecond, kSettleStepsMax);
  for (auto& watcher : watchers_) watcher->take(*server_, caller_);
}

void Run::judge_log(const std::vector<store::Change>& log) {
  store::Revision last = 0;
  for (const auto& change : log) {
    if (change.revision <= last) throw Broken("the log goes from revision " + std::to_string(last) + " to " + std::to_string(change.revision));
    last = change.revision;
    fingerprint_ = fingerprint_ * 31 + std::hash<std::string_view>{}(change.object->body()) + change.revision;
  }
}

void Run::judge_acknowledged(const std::vector<store::Change>& log) {
  std::map<store::Revision, const store::Change*> by_revision;
  for (const auto& change : log) by_revision[change.revision] = &change;
  for (const auto& one : acknowledged_) {
    const auto about = one.key.name + " at revision " + std::to_string(one.revision);
    const auto found = by_revision.find(one.revision);
    if (found == by_revision.end()) throw Broken("an acknowledged write is lost: " + about);
    const auto& change = *found->second;
    if (change.object->key() != one.key) throw Broken("another object has the revision that was answered: " + about);
    if (one.gone != (change.type == store::ChangeType::deleted)) throw Broken("what was answered is not what happened: " + about);
    if (!one.gone && change.object->body() != one.body) throw Broken("what was answered is not what is stored: " + about);
    const auto before = change.previous ? change.previous->revision() : 0;
    if (one.compared && change.revision > *one.compared && before != *one.compared) throw Broken("a condition did not hold: " + about + " replaced " + std::to_string(before) + " instead of " + std::to_string(*one.compared));
  }
}

void Run::judge_state(const std::vector<store::Change>& log) {
  std::map<store::Key, std::string> replayed, there;
  for (const auto& change : log) {
    if (change.type == store::ChangeType::deleted) replayed.erase(change.object->key());
    else replayed[change.object->key()] = change.object->body();
  }
  const auto state = server_->store().snapshot();
  for (const auto resource : state.resources())
    state.scan(resource, "", nullptr, [&](const store::ObjectRef& object) {
      there[object->key()] = object->body();
      return true;
    });
  for (const auto& [key, body] : replayed)
    if (there[key] != body) throw Broken("state and log differ about " + key.name);
  if (there.size() != replayed.size()) throw Broken("something exists of which the log knows nothing");
}

void Run::judge(Counts& counts) {
  look_at_head();
  const auto log = disk_.replay();
  judge_log(log);
  judge_acknowledged(log);
  judge_state(log);
  for (const auto& watcher : watchers_) {
    watcher->check(log, head_);
    counts.events += watcher->events();
  }
  workers_->check();
  counts.writes += acknowledged_.size();
  counts.reconciles += reconciles_ + workers_->reconciles();
  counts.pods += server_->store().snapshot().count(base::Atom("pods"));
  ++counts.seeds;
}

void Run::go(Counts& counts) {
  start();
  prepare();
  for (auto left = kStepsMin + pick(kStepsMore); left > 0; --left) step(counts);
  come_to_rest();
  judge(counts);
}

}  // namespace keelson::simulation

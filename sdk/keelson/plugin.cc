#include <keelson/state.hpp>

#include <algorithm>

namespace keelson {

using namespace detail;

bool ControllerState::owns(const Gvk& gvk) const {
  return std::any_of(sources.begin(), sources.end(), [&](const auto& s) { return s.via == SourceState::Via::owner && s.kind.is(gvk); });
}

std::uint64_t PluginState::expect_completion(std::function<void(const Error*)> completed) {
  const std::lock_guard lock(mutex);
  pending.emplace(next_token, std::move(completed));
  return next_token++;
}

std::uint64_t PluginState::expect_completions(std::vector<std::function<void(const Error*)>> completed) {
  const std::lock_guard lock(mutex);
  const auto first = next_token;
  for (auto& one : completed) pending.emplace(next_token++, std::move(one));
  return first;
}

Controller& Controller::finalizer(std::string name) {
  state_->finalizer = std::move(name);
  return *this;
}
Controller& Controller::workers(int count) {
  state_->workers = std::max(1, count);
  return *this;
}
Controller& Controller::name(std::string name) {
  state_->name = std::move(name);
  return *this;
}
Controller& Controller::deadline(std::chrono::nanoseconds duration) {
  state_->deadline = duration;
  return *this;
}

Controller& Controller::add_owned(const Gvk& gvk) {
  state_->sources.push_back({SourceState::Via::owner, KindName(gvk)});
  return *this;
}
Controller& Controller::add_watch(const Gvk& gvk, std::string name, MapFunction map) {
  state_->sources.push_back({SourceState::Via::map, KindName(gvk), std::move(name), std::move(map)});
  return *this;
}
Controller& Controller::add_predicate(const Gvk& gvk, PredicateFunction predicate) {
  for (auto& source : state_->sources)
    if (source.kind.is(gvk)) source.predicate = predicate;
  return *this;
}

void Controller::trigger(const Key& key, std::chrono::nanoseconds delay) {
  const auto wanted = abi_key(key);
  const auto& plugin = *state_->plugin;
  plugin.table->enqueue(plugin.host, state_->index, &wanted, delay.count());
}
std::function<void(const Key&)> Controller::trigger_handle() {
  return [controller = *this](const Key& key) mutable { controller.trigger(key); };
}

namespace {

ControllerState& new_controller(PluginState& plugin) {
  auto& controller = plugin.controllers.emplace_back();
  controller.plugin = &plugin;
  controller.index = static_cast<std::uint32_t>(plugin.by_index.size());
  plugin.by_index.push_back(&controller);
  return controller;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

}  // namespace

void Setup::add_kind(const Gvk& gvk, const KindOptions& options, std::string schema_json) {
  state_->kinds.push_back(crd_json(gvk, options, schema_json));
}
void Setup::kind_from_crd(std::string_view crd) { state_->kinds.emplace_back(crd); }

Controller& Setup::add_controller(const Gvk& gvk, ObjectFunction reconcile, ObjectFunction finalize) {
  auto& controller = new_controller(*state_);
  controller.kind = KindName(gvk);
  controller.name = lower(gvk.kind);
  controller.reconcile = std::move(reconcile);
  controller.finalize = std::move(finalize);
  controller.sources.push_back({SourceState::Via::self, controller.kind});
  return controller.face;
}

Controller& Setup::keyed_controller(std::string name, std::unique_ptr<KeyReconciler> reconciler) {
  auto& controller = new_controller(*state_);
  controller.keyed = true;
  controller.name = std::move(name);
  controller.key_reconciler = std::move(reconciler);
  return controller.face;
}

void Setup::add_observer(const Gvk& gvk, ObserveFunction changed) {
  state_->observers.push_back({.kind = KindName(gvk), .one = std::move(changed)});
}
void Setup::observe_all(std::function<void(std::string_view, const KindInfo&, const ObjectHandle&, const ObjectHandle&)> changed) {
  state_->observers.push_back({.all = true, .every = std::move(changed)});
}
void Setup::observe_linked(std::vector<std::string> whole, std::function<void(std::string_view, const KindInfo&, const ObjectHandle&, const ObjectHandle&)> changed) {
  state_->observers.push_back({.all = true, .linked = true, .whole = std::move(whole), .every = std::move(changed)});
}
void Setup::observe_deletions(std::function<void(const KindInfo&, const ObjectHandle&)> deleted) {
  state_->observers.push_back({.all = true, .deletions = true, .every = [deleted = std::move(deleted)](std::string_view what, const KindInfo& kind, const ObjectHandle&, const ObjectHandle& before) {
    if (what == "deleted") deleted(kind, before);
  }});
}
void Setup::task(std::string name, std::function<void(Context&)> body) { state_->tasks.push_back({std::move(name), std::move(body)}); }
void Setup::serve(const Gvk& gvk, std::string_view subresource, std::function<void(Context&, const Request&, Stream&)> handler) {
  state_->routes.push_back({KindName(gvk), std::string(subresource), {}, std::move(handler)});
}
void Setup::serve_path(std::string_view path, std::function<void(Context&, const Request&, Stream&)> handler) {
  state_->routes.push_back({{}, {}, std::string(path), std::move(handler)});
}
void Setup::resource(const Gvk& gvk, const KindOptions& options, const std::vector<std::string>& verbs, std::function<void(Context&, const Request&, Stream&)> handler) {
  state_->kinds.push_back(served_crd(crd_json(gvk, options, R"({"type":"object","x-kubernetes-preserve-unknown-fields":true})"), verbs));
  serve(gvk, "", std::move(handler));
}
HookHandle Setup::hook(std::string_view point, HookOptions options, HookFunction function) {
  state_->hooks.push_back({std::string(point), std::move(options), std::move(function)});
  return {state_->table, state_->host, static_cast<std::uint32_t>(state_->hooks.size() - 1)};
}
void Setup::point(std::string_view name) { state_->points.emplace_back(name); }
HookHandle Setup::authorizer(std::unique_ptr<Authorizer> authorizer, const AuthorizerOptions& options) {
  return hook("authorization", authorizer_hook(options), authorizer_function(std::move(authorizer)));
}
void Setup::ready_when(std::function<std::string()> check) { state_->check = std::move(check); }
void Setup::on_stop(std::function<void()> stop) { state_->stop = std::move(stop); }
void Setup::may(Right right) { state_->rights.push_back(std::move(right)); }
void Setup::needs(std::string_view capability) { state_->needed.emplace_back(capability); }
void Setup::component(std::string name) { state_->component = std::move(name); }
std::string_view Setup::plugin_name() const { return state_->name; }
Context Setup::context() const { return Context(state_->call(0)); }

std::string Setup::config(std::string_view key, std::string_view fallback) const {
  Collect out;
  return state_->table->config(state_->host, bytes_of(key), out.sink()) != 0 ? std::move(out.text) : std::string(fallback);
}

MetricHandle Setup::metric(std::uint32_t type, std::string_view name, std::string_view help, const std::vector<double>& bounds, const MetricLabels& labels) const {
  std::string text;
  for (const auto& [key, value] : labels) text += (text.empty() ? "" : ",") + key + "=" + value;
  const keelson_metric wanted{sizeof(keelson_metric), type, bytes_of(name), bytes_of(help), bytes_of(text), bounds.data(), bounds.size()};
  return {state_->table, state_->host, state_->table->metric(state_->host, &wanted)};
}
Counter Setup::counter(std::string_view name, std::string_view help, const MetricLabels& labels) { return Counter(metric(KEELSON_COUNTER, name, help, {}, labels)); }
Gauge Setup::gauge(std::string_view name, std::string_view help, const MetricLabels& labels) { return Gauge(metric(KEELSON_GAUGE, name, help, {}, labels)); }
Histogram Setup::histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds, const MetricLabels& labels) {
  return Histogram(metric(KEELSON_HISTOGRAM, name, help, bounds, labels));
}

}  // namespace keelson

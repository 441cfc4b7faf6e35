// What others ask of an instance: statistics, settings, health, streams; and what its plugin asks through the host table.
#include <boost/json.hpp>

#include <algorithm>

#include "core/plugins/instance.hpp"

#include "core/base/json_value.hpp"
#include "core/plugins/events.hpp"

namespace keelson::plugins {

namespace json = boost::json;

/// Of an answer's content type, and of an address and a path that a request is forwarded to.
constexpr std::size_t kHeadTextBytesMax = 8'192;

Statistics Instance::statistics() const {
  Statistics all;
  Tally tally;
  for (const auto& controller : controllers_) {
    controller->add_to(tally);
    all.queue_length += controller->queue_length();
  }
  constexpr double kShare = 0.99;
  all.p99_ns = tally.durations.quantile_ns(kShare);
  all.reconciles = tally.reconciles;
  all.errors = tally.errors + errors_.load();
  all.usage = library_->usage().value_or(Usage{metered_.cpu_ns(), mapped_bytes_});
  const std::lock_guard lock(mutex_);
  all.last_error = last_error_;
  return all;
}

Handover Instance::hand_over() const {
  auto handover = handover_.value_or(Handover());   // what it was given and did not come to
  if (!handover_) handover.seen = seen_;
  for (const auto& controller : controllers_) {
    auto& keys = handover.keys[controller->declaration().name];
    for (auto& left : controller->leftovers()) keys.push_back(std::move(left));
  }
  return handover;
}

bool Instance::busy() const {
  for (const auto& controller : controllers_)
    if (controller->busy()) return true;
  return !synced_.load();
}

void Instance::replace_stuck_workers() {
  for (auto& controller : controllers_)
    controller->set_stuck(calls_.count_overdue("reconcile " + controller->declaration().name, kCallGrace_ms * base::kNanosPerMs));
}

void Instance::set_paused(bool paused) {
  paused_.store(paused);
  for (auto& controller : controllers_) controller->set_paused(paused);
}

void Instance::set_workers(int workers) {
  for (auto& controller : controllers_) controller->set_workers(workers);
}

std::string Instance::check() {
  if (!synced_.load()) return "has not seen all existing objects yet";
  if (const auto call = stuck()) return "stuck in " + *call;
  if (!declaration_.check) return {};
  return readiness_.ask(core_.runtime, hook_workers_, [this] { return ask_readiness(); });
}

std::string Instance::ask_readiness() {
  const CallScope scope(calls_, calls_.begin("check", core_.runtime.in_ms(kCallDeadline_ms)));
  if (!scope) return "is stopping";
  std::string missing, error;
  const auto status = guarded_call(name_, error, [&] { return library_->table().check(self_, sink_to(missing)); });
  return status != 0 ? message_of(error) : missing;
}

verbs::Context Instance::verbs_context(keelson_call id) const {
  verbs::Context context;
  context.user = identity_;
  context.field_manager = name_;
  const auto call = calls_.find(id);
  context.request_id = call ? call->request_id() : name_;
  if (call) context.trigger = call->trigger;
  return context;
}

base::Outcome<store::ObjectRef> Instance::find_for(std::uint32_t controller, const keelson_key& key) {
  const auto& declared = declaration_.controllers[controller];
  if (!declared.kind) return store::ObjectRef();
  return as_declared(*declared.kind, find_object(declared.resource, queue_key(text_of(key.ns), text_of(key.name))));
}

void Instance::hold(const store::Object& object) {
  intrusive_ptr_add_ref(&object);
  handles_.fetch_add(1, std::memory_order_relaxed);
}

void Instance::let_go(const store::Object& object) {
  handles_.fetch_sub(1, std::memory_order_relaxed);
  intrusive_ptr_release(&object);
}

void Instance::enqueue(std::uint32_t controller, const std::string& key, std::int64_t delay_ns) {
  if (controller < controllers_.size()) controllers_[controller]->add_after(key, delay_ns);
}

// What nobody meant to happen (it threw, most of all) is told where operators look; what was refused is the author's to tell.
void Instance::note_failure(keelson_status status, const std::string& what, const std::string& error_json) {
  constexpr keelson_status kInternalError = 500;
  const auto message = what + ": " + message_of(error_json);
  log(base::LogLevel::warn, message);
  {
    const std::lock_guard lock(mutex_);
    last_error_ = message;
  }
  if (status == kInternalError && core_.elsewhere == nullptr) core_.events.record(note_about_plugin(core_.store.snapshot(), name_, true, "InternalError", message));
}

void Instance::log(base::LogLevel level, std::string_view message) const {
  const auto own = log_level_.load();
  if (!own) base::log(level, name_, message);
  else if (level >= *own) base::log_anyway(level, name_, message);
}

void Instance::take_spent() {
  std::vector<std::shared_ptr<void>> spent;   // ends after the lock
  const std::lock_guard lock(mutex_);
  spent.swap(spent_);
}

std::uint64_t Instance::add_metric(std::function<void(double)> record) {
  const std::lock_guard lock(mutex_);
  metrics_.push_back(std::move(record));
  return metrics_.size();
}

void Instance::record(std::uint64_t metric, double value) {
  std::function<void(double)> record;
  {
    const std::lock_guard lock(mutex_);
    if (metric == 0 || metric > metrics_.size()) return;
    record = metrics_[metric - 1];
  }
  record(value);
}

// --- streams -------------------------------------------------------------------------------------------------------

namespace {

std::string request_json(const RouteRequest& request) {
  json::array headers;
  for (const auto& [name, value] : request.headers) headers.push_back(json::array{name, value});
  return json::serialize(json::object{{"method", request.method}, {"path", request.path}, {"query", request.query}, {"ns", request.ns}, {"name", request.name},
      {"subresource", request.subresource}, {"headers", std::move(headers)}, {"upgrade", request.upgrade}, {"user", request.user.name}, {"verb", request.verb}, {"body", request.body}});
}

base::Error error_from(keelson_status code, std::string_view status_json) {
  base::Error error;
  error.code = code >= 400 && code < 600 ? code : 500;
  error.message = message_of(std::string(status_json));
  boost::system::error_code failed;
  const auto value = base::json_of(status_json, failed);
  if (!failed && value.is_object())
    if (const auto* reason = value.get_object().if_contains("reason"); reason != nullptr && reason->is_string()) error.reason = reason->get_string();
  return error;
}

/// What becomes part of a head may not end its line: no space, no control character, nothing beyond ASCII.
bool fits_a_head(std::string_view text, std::string_view also = {}) {
  return text.size() <= kHeadTextBytesMax && std::all_of(text.begin(), text.end(), [&](char c) { return (c > ' ' && c < 0x7f) || also.find(c) != std::string_view::npos; });
}

// A plugin answers for this server: whoever follows a redirect takes his credentials along.
void respond(RouteStream& stream, std::int32_t code, std::string_view type) {
  const bool answers = (code >= 200 && code < 300) || (code >= 400 && code < 600);
  if (answers && fits_a_head(type, " ")) return stream.respond(code, type);
  stream.fail(base::internal("the plugin answered with " + (answers ? std::string("a content type that is none") : "status " + std::to_string(code) + ", which is not for plugins")));
}

void forward(RouteStream& stream, std::string_view host, std::string_view path) {
  if (fits_a_head(host) && fits_a_head(path)) return stream.forward(host, path);
  stream.fail(base::internal("the plugin forwards to what is no address"));
}

keelson_stream stream_table(RouteStream& stream) {
  keelson_stream table{};
  table.size = sizeof table;
  table.to = &stream;
  table.respond = [](void* to, std::int32_t code, keelson_bytes type) { respond(*static_cast<RouteStream*>(to), code, text_of(type)); };
  table.write = [](void* to, keelson_bytes bytes) { return static_cast<RouteStream*>(to)->write(text_of(bytes)) ? 1 : 0; };
  table.fail = [](void* to, keelson_status code, keelson_bytes status) { static_cast<RouteStream*>(to)->fail(error_from(code, text_of(status))); };
  table.forward = [](void* to, keelson_bytes host, keelson_bytes path) { forward(*static_cast<RouteStream*>(to), text_of(host), text_of(path)); };
  table.closed = [](void* to) { return static_cast<RouteStream*>(to)->closed() ? 1 : 0; };
  return table;
}

}  // namespace

void Instance::serve(std::uint32_t route, RouteRequest request, std::shared_ptr<RouteStream> stream) {
  auto call = calls_.begin("serve " + request.path);
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    full = jobs_.size() >= kStreamsMax;
  }
  if (!call || full) {
    if (call) calls_.end(*call);
    return stream->fail(full ? base::too_many_requests("plugin " + name_ + " serves too many streams", 1) : base::unavailable("plugin " + name_ + " is stopping"));
  }
  spawn_job("stream", [this, route, call, request = std::move(request), stream = std::move(stream)]() mutable {
    const CallScope scope(calls_, std::move(call));
    const auto text = request_json(request);
    const auto table = stream_table(*stream);
    std::string error;
    if (guarded_call(name_, error, [&] { return library_->table().serve(self_, scope.id(), route, bytes_of(text), &table); }) != 0) changed_();
    stream->finish();
    stream.reset();
  });
}

}  // namespace keelson::plugins

// The host table inside the core: every function finds its Instance behind `host`, catches everything, and goes through
// verbs like any other client.
#include <boost/json.hpp>

#include <algorithm>
#include <cstring>
#include <span>

#include "core/plugins/answers.hpp"
#include "core/plugins/events.hpp"
#include "core/base/json_value.hpp"
#include "core/plugins/instance.hpp"
#include "core/plugins/together.hpp"
#include "core/store/patient.hpp"

namespace keelson::plugins {
namespace {

namespace json = boost::json;


Instance& instance_of(void* host) { return *static_cast<Instance*>(host); }
std::string string_of(keelson_bytes bytes) { return std::string(text_of(bytes)); }
void put(keelson_sink sink, std::string_view text) { sink.put(sink.to, bytes_of(text)); }

keelson_status fail(keelson_sink sink, const base::Error& error) {
  put(sink, base::to_status_json(error));
  return error.code;
}

/// Nothing that the core throws reaches the plugin.
template <class F>
keelson_status guarded(keelson_sink sink, F&& body) {
  try {
    return body();
  } catch (const std::exception& thrown) {
    return fail(sink, base::internal(thrown.what()));
  } catch (...) {
    return fail(sink, base::internal("unknown exception"));
  }
}

/// A hook in whose call something is not allowed: the sentence why; null: it is.
const char* hook_forbids(Instance& instance, keelson_call call, bool waits, bool writes) {
  const auto running = instance.calls().find(call);
  if (!running || !running->hook) return nullptr;
  if (waits && !running->hook->may_wait) return "an inline hook may not wait";
  return writes && !running->hook->may_write ? "a hook that decides on a write makes none: it adds to it" : nullptr;
}

/// What an admission hook has read has to hold until the commit.
void note_read(Instance& instance, keelson_call call, const verbs::Target& target, const store::ObjectRef& found) {
  const auto running = instance.calls().find(call);
  if (!running || !running->hook || running->hook->may_write) return;
  using Kind = store::Expectation::Kind;
  store::Key key{target.kind->storage_key, target.kind->namespaced ? target.ns : std::string(), target.name};
  const std::lock_guard lock(running->hook->mutex);
  running->hook->reads.push_back({std::move(key), found ? Kind::at_revision : Kind::absent, found ? found->revision() : 0});
}

// --- objects -------------------------------------------------------------------------------------------------------

void retain(void* host, keelson_object object) { instance_of(host).hold(*object_of(object)); }
void release(void* host, keelson_object object) { instance_of(host).let_go(*object_of(object)); }

void view(void*, keelson_object handle, keelson_object_view* out) {
  const auto& object = *object_of(handle);
  const auto& columns = object.columns();
  keelson_object_view full{};
  full.size = sizeof full;
  full.finalizer_count = static_cast<std::uint32_t>(columns.finalizers.size());
  full.revision = object.revision();
  full.generation = columns.generation;
  full.creation_unix_s = columns.creation_unix_s;
  full.deletion_unix_s = columns.deletion_unix_s;
  full.deletion_grace_s = columns.deletion_grace_s;
  full.storage_key = bytes_of(columns.key.resource.text());
  full.ns = bytes_of(columns.key.ns);
  full.name = bytes_of(columns.key.name);
  full.uid = bytes_of(columns.uid);
  full.controller_uid = bytes_of(controller_uid(object));
  full.body = bytes_of(object.body());
  full.owner_count = static_cast<std::uint32_t>(columns.owners.size());
  const auto known = std::min<std::size_t>(out->size, sizeof full);   // an older plugin knows fewer members
  full.size = static_cast<std::uint32_t>(known);
  std::memcpy(out, &full, known);
}

std::int32_t label(void*, keelson_object object, keelson_bytes key, keelson_bytes* out) {
  for (const auto& [name, value] : object_of(object)->columns().labels) {
    if (name.text() != text_of(key)) continue;
    *out = bytes_of(value);
    return 1;
  }
  return 0;
}

std::int32_t field(void* host, keelson_object handle, keelson_bytes path, keelson_bytes* out) {
  const auto& columns = object_of(handle)->columns();
  const auto kind = instance_of(host).core().registry.current()->by_storage_key(columns.key.resource);
  if (!kind) return 0;
  for (std::size_t i = 0; i < kind->selectable_fields.size() && i < columns.fields.size(); ++i) {
    if (kind->selectable_fields[i] != text_of(path)) continue;
    *out = bytes_of(columns.fields[i]);
    return 1;
  }
  return 0;
}

std::int32_t finalizer(void*, keelson_object object, std::uint32_t index, keelson_bytes* out) {
  const auto& finalizers = object_of(object)->columns().finalizers;
  if (index >= finalizers.size()) return 0;
  *out = bytes_of(finalizers[index]);
  return 1;
}

/// Counts a reference for the plugin.
keelson_object hand_out(Instance& instance, const store::ObjectRef& object) {
  if (!object) return nullptr;
  instance.hold(*object);
  return handle_of(object.get());
}

// --- reads ---------------------------------------------------------------------------------------------------------

base::Outcome<verbs::Target> target_of(Instance& instance, const keelson_kind& kind, const keelson_key* key, keelson_bytes subresource) {
  verbs::Target target;
  target.kind = instance.core().registry.current()->find(text_of(kind.group), text_of(kind.version), text_of(kind.resource));
  if (!target.kind) return base::no_such_resource();
  if (key != nullptr) {
    target.ns = string_of(key->ns);
    target.name = string_of(key->name);
  }
  target.subresource = string_of(subresource);
  return target;
}

keelson_status get(void* host, keelson_call call, const keelson_kind* kind, const keelson_key* key, keelson_object* out, keelson_sink error) {
  return guarded(error, [&]() -> keelson_status {
    auto& instance = instance_of(host);
    auto& core = instance.core();
    const auto target = target_of(instance, *kind, key, {});
    if (!target) return fail(error, target.error());
    if (const auto* why = hook_forbids(instance, call, true, false)) return fail(error, base::bad_request(why));
    const auto context = instance.verbs_context(call);
    const auto found = await<base::Outcome<store::ObjectRef>>(core.runtime, [&](auto done) { core.verbs.get(context, *target, {}, std::move(done)); });
    if (found || found.error().code == 404) note_read(instance, call, *target, found ? *found : nullptr);
    if (!found) return fail(error, found.error());
    *out = hand_out(instance, *found);
    return 0;
  });
}

bool may_list(Instance& instance, const verbs::Context& context, const verbs::Target& target, base::Error& refused) {
  auth::Attributes attributes;
  attributes.user = &context.user;
  attributes.verb = "list";
  attributes.group = target.kind->group;
  attributes.version = target.kind->version;
  attributes.resource = target.kind->resource;
  attributes.ns = target.ns;
  const auto verdict = instance.core().chains.authorize(attributes);
  if (verdict.decision == auth::Decision::allow) return true;
  refused = auth::refusal(attributes, verdict.reason);
  return false;
}

/// The index that answers this query: by owner, or by a field that has to be equal to something.
std::optional<std::pair<int, std::string>> index_for(const keelson_query& query, const watch::Selector& selector) {
  if (query.owner_uid.size != 0) return std::pair(kByOwner, string_of(query.owner_uid));
  for (const auto& field : selector.fields)
    if (field.target == watch::FieldRequirement::Target::column && !field.negated && !field.value.empty()) return std::pair(static_cast<int>(field.column), field.value);
  return std::nullopt;
}

keelson_status list(void* host, keelson_call call, const keelson_kind* kind, const keelson_query* query, keelson_object_sink out, keelson_sink error) {
  return guarded(error, [&]() -> keelson_status {
    auto& instance = instance_of(host);
    auto& core = instance.core();
    auto target = target_of(instance, *kind, nullptr, {});
    if (!target) return fail(error, target.error());
    if (const auto* why = hook_forbids(instance, call, true, false)) return fail(error, base::bad_request(why));
    target->ns = string_of(query->ns);
    auto selector = watch::parse_selector(*target->kind, text_of(query->labels), text_of(query->fields));
    if (!selector) return fail(error, selector.error());
    const auto context = instance.verbs_context(call);
    if (core.elsewhere != nullptr)
      if (const auto covered = core.elsewhere->cover(target->kind); !covered) return fail(error, covered.error());
    if (const auto index = index_for(*query, *selector)) {
      base::Error refused;
      if (!may_list(instance, context, *target, refused)) return fail(error, refused);
      for (const auto& object : core.feed.indexes().find(target->kind->storage_key, index->first, index->second))
        if ((target->ns.empty() || object->key().ns == target->ns) && selector->matches(*object)) out.put(out.to, hand_out(instance, object));
      return 0;
    }
    verbs::ListOptions options;
    options.selector = std::move(*selector);
    const auto listed = await<base::Outcome<verbs::Listed>>(core.runtime, [&](auto done) { core.verbs.list(context, *target, options, std::move(done)); });
    if (!listed) return fail(error, listed.error());
    for (const auto& object : listed->objects) out.put(out.to, hand_out(instance, object));
    return 0;
  });
}

keelson_status kinds(void* host, keelson_call, keelson_sink out) {
  return guarded(out, [&] {
    std::string all = "[";
    const auto catalog = instance_of(host).core().registry.current();   // kinds may come and go meanwhile
    for (const auto& kind : catalog->all()) {
      if (all.size() > 1) all += ',';
      all += kind_entry_json(*kind);
    }
    put(out, all + "]");
    return 0;
  });
}

// --- writes --------------------------------------------------------------------------------------------------------

struct Options {
  verbs::WriteOptions write;
  verbs::DeleteOptions remove;
  std::string field_manager;
};

std::optional<std::string> text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::optional<std::string>(std::string(value->get_string())) : std::nullopt;
}

Options options_of(keelson_bytes bytes) {
  Options options;
  options.write.validation = kinds::FieldValidation::ignore;
  if (bytes.size == 0) return options;
  const auto value = base::json_of(text_of(bytes));
  const auto& o = value.as_object();
  if (const auto* dry = o.if_contains("dryRun")) options.write.dry_run = options.remove.dry_run = dry->is_bool() && dry->get_bool();
  if (const auto* force = o.if_contains("force")) options.write.force = force->is_bool() && force->get_bool();
  if (const auto* grace = o.if_contains("gracePeriodSeconds"); grace != nullptr && grace->is_int64()) options.remove.grace_period_s = grace->get_int64();
  options.remove.uid = text(o, "uid");
  options.remove.resource_version = text(o, "resourceVersion");
  options.remove.propagation = text(o, "propagationPolicy");
  options.field_manager = text(o, "fieldManager").value_or("");
  return options;
}

std::optional<kinds::PatchType> patch_type(std::uint32_t op) {
  switch (op) {
    case KEELSON_MERGE_PATCH: return kinds::PatchType::merge;
    case KEELSON_JSON_PATCH: return kinds::PatchType::json;
    case KEELSON_STRATEGIC_PATCH: return kinds::PatchType::strategic;
    case KEELSON_APPLY: return kinds::PatchType::apply;
    default: return std::nullopt;
  }
}

/// Starts one write; `done` gets its outcome.
void begin_write(Instance& instance, keelson_call call, const keelson_write& write, verbs::OnWritten done) {
  auto target = target_of(instance, write.kind, &write.key, write.subresource);
  if (!target) return done(target.error());
  auto options = options_of(write.options);
  auto context = instance.verbs_context(call);
  if (!options.field_manager.empty()) context.field_manager = options.field_manager;
  verbs::Body body{kinds::Media::json, string_of(write.body)};
  auto& verbs = instance.core().verbs;
  if (write.op == KEELSON_CREATE) {
    if (target->subresource.empty()) target->name.clear();   // the body names it
    return verbs.create(context, std::move(*target), std::move(body), options.write, std::move(done));
  }
  if (write.op == KEELSON_UPDATE) return verbs.update(context, std::move(*target), std::move(body), options.write, std::move(done));
  if (write.op == KEELSON_REMOVE) return verbs.remove(context, std::move(*target), options.remove, std::move(done));
  const auto type = patch_type(write.op);
  if (!type) return done(base::bad_request("unknown operation " + std::to_string(write.op)));
  verbs.patch(context, std::move(*target), *type, std::move(body), options.write, std::move(done));
}

/// A plugin's thread has nothing better to do than to commit what it waits for.
template <class T, class Start>
T await_written(Instance& instance, Start&& start) {
  return await<T>(instance.core().runtime, [&](auto done) {
    const store::Patient patient;
    start(std::move(done));
  });
}

keelson_status write(void* host, keelson_call call, const keelson_write* request, keelson_object* stored, keelson_sink out) {
  return guarded(out, [&]() -> keelson_status {
    auto& instance = instance_of(host);
    if (const auto* why = hook_forbids(instance, call, true, true)) return fail(out, base::bad_request(why));
    const auto written = await_written<base::Outcome<verbs::Written>>(instance, [&](auto done) { begin_write(instance, call, *request, std::move(done)); });
    if (!written) return fail(out, written.error());
    *stored = hand_out(instance, written->object);
    return 0;
  });
}

using Steps = std::vector<verbs::Verbs::Step>;

base::Outcome<Steps> steps_of(Instance& instance, std::span<const keelson_write> writes) {
  using Op = verbs::Verbs::Step::Op;
  Steps steps;
  steps.reserve(writes.size());
  for (const auto& write : writes) {
    auto target = target_of(instance, write.kind, &write.key, write.subresource);
    if (!target) return target.error();
    const auto options = options_of(write.options);
    const auto type = patch_type(write.op);
    auto& step = steps.emplace_back();
    step.op = type ? Op::patch : write.op == KEELSON_CREATE ? Op::create : write.op == KEELSON_UPDATE ? Op::update : Op::remove;
    if (step.op == Op::create && target->subresource.empty()) target->name.clear();
    step.target = std::move(*target);
    step.patch_type = type.value_or(kinds::PatchType::merge);
    step.body = {kinds::Media::json, string_of(write.body)};
    step.options = options.write;
    step.delete_options = options.remove;
  }
  return steps;
}

keelson_status transact(void* host, keelson_call call, const keelson_write* writes, size_t count, keelson_sink error) {
  return guarded(error, [&]() -> keelson_status {
    auto& instance = instance_of(host);
    if (const auto* why = hook_forbids(instance, call, true, true)) return fail(error, base::bad_request(why));
    auto steps = steps_of(instance, {writes, count});
    if (!steps) return fail(error, steps.error());
    const auto context = instance.verbs_context(call);
    const auto done = await_written<Transacted>(instance, [&](auto answered) { instance.core().verbs.transact(context, std::move(*steps), {}, std::move(answered)); });
    return done ? 0 : fail(error, done.error());
  });
}

// While the last is worked out the others are being committed; that one is waited for, so whoever waits may commit it.
void begin_each(Instance& instance, keelson_call call, const keelson_write* writes, std::span<const size_t> counts, const std::shared_ptr<Answers>& answers) {
  const auto context = instance.verbs_context(call);
  for (std::size_t place = 0; place < counts.size(); writes += counts[place++]) {
    auto steps = steps_of(instance, {writes, counts[place]});
    if (!steps) {
      answers->put(place, steps.error());
      continue;
    }
    const bool last = place + 1 == counts.size();
    const auto patient = last ? std::make_optional<store::Patient>() : std::nullopt;
    instance.core().verbs.transact(context, std::move(*steps), {}, [answers, place](Transacted answer) { answers->put(place, std::move(answer)); });
  }
}

keelson_status transact_each(void* host, keelson_call call, const keelson_write* writes, const size_t* counts, size_t transactions, const keelson_sink* errors, keelson_sink error) {
  return guarded(error, [&]() -> keelson_status {
    auto& instance = instance_of(host);
    if (const auto* why = hook_forbids(instance, call, true, true)) return fail(error, base::bad_request(why));
    if (transactions == 0) return 0;
    const auto all = await<Answers::All>(instance.core().runtime, [&](auto done) {
      begin_each(instance, call, writes, {counts, transactions}, std::make_shared<Answers>(transactions, std::move(done)));
    });
    for (std::size_t place = 0; place < all.size(); ++place)
      if (!*all[place]) put(errors[place], base::to_status_json(all[place]->error()));
    return 0;
  });
}

/// A write of which only a failure is told.
keelson_status write_now(Instance& instance, keelson_call call, const keelson_write& request, keelson_sink error) {
  const auto written = await_written<base::Outcome<verbs::Written>>(instance, [&](auto done) { begin_write(instance, call, request, std::move(done)); });
  return written ? 0 : fail(error, written.error());
}

/// Room for so many more. They count as calls until their completions ran, so that the plugin is not taken away from under them.
base::Outcome<void> begin_submits(Instance& instance, std::size_t count) {
  auto& under_way = instance.submits_in_flight();
  if (under_way.fetch_add(count) + count > kSubmitsInFlightMax) {
    under_way.fetch_sub(count);
    return base::too_many_requests("too many writes of plugin " + instance.name() + " are under way", 1);
  }
  instance.take_spent();
  if (instance.calls().enter(count)) return {};
  under_way.fetch_sub(count);
  return base::unavailable("the plugin is stopping");
}

void end_submit(Instance& instance, std::uint64_t token, base::Outcome<verbs::Written> written) {
  const bool last = instance.submits_in_flight().fetch_sub(1) == 1;
  if (!written) instance.complete({token, written.error().code, base::to_status_json(written.error())}, nullptr);
  else instance.complete({token, 0, {}}, last ? nullptr : std::move(written->made_by));
}

void begin_submit(Instance& instance, keelson_call call, const keelson_write& request, std::uint64_t token) {
  begin_write(instance, call, request, [&instance, token](base::Outcome<verbs::Written> written) { end_submit(instance, token, std::move(written)); });
}

keelson_status submit(void* host, keelson_call call, const keelson_write* request, uint64_t token, keelson_sink error) {
  return guarded(error, [&]() -> keelson_status {
    auto& instance = instance_of(host);
    if (const auto* why = hook_forbids(instance, call, token == 0, true)) return fail(error, base::bad_request(why));
    if (token == 0) return write_now(instance, call, *request, error);
    if (const auto begun = begin_submits(instance, 1); !begun) return fail(error, begun.error());
    begin_submit(instance, call, *request, token);
    return 0;
  });
}

/// Whether they are patches or creates of a subresource, as most are, that differ in no more than key and body.
bool alike(const keelson_write& one, const keelson_write& other) {
  const auto same = [](keelson_bytes a, keelson_bytes b) { return text_of(a) == text_of(b); };
  const bool taken_together = one.op == KEELSON_MERGE_PATCH || (one.op == KEELSON_CREATE && one.subresource.size != 0);
  return taken_together && one.op == other.op && one.options.size == 0 && other.options.size == 0 && same(one.subresource, other.subresource) && same(one.kind.resource, other.kind.resource) &&
         same(one.kind.group, other.kind.group) && same(one.kind.version, other.kind.version);
}

void begin_alike(Instance& instance, keelson_call call, std::span<const keelson_write> writes, std::uint64_t first_token) {
  const auto done = [&instance, first_token](std::size_t place, base::Outcome<verbs::Written> written) { end_submit(instance, first_token + place, std::move(written)); };
  auto target = target_of(instance, writes.front().kind, nullptr, writes.front().subresource);
  if (!target) {
    for (std::size_t place = 0; place < writes.size(); ++place) done(place, target.error());
    return;
  }
  using Step = verbs::Verbs::Step;
  Step alike{.op = writes.front().op == KEELSON_CREATE ? Step::Op::create : Step::Op::patch, .target = std::move(*target), .patch_type = kinds::PatchType::merge, .options = options_of({}).write};
  std::vector<verbs::Verbs::Each> each;
  each.reserve(writes.size());
  for (const auto& write : writes) each.push_back({string_of(write.key.ns), string_of(write.key.name), string_of(write.body)});
  instance.core().verbs.write_each(instance.verbs_context(call), std::move(alike), std::move(each), done);
}

keelson_status submit_each(void* host, keelson_call call, const keelson_write* requests, size_t count, uint64_t first_token, keelson_sink error) {
  return guarded(error, [&]() -> keelson_status {
    auto& instance = instance_of(host);
    if (const auto* why = hook_forbids(instance, call, false, true)) return fail(error, base::bad_request(why));
    std::span rest(requests, count);
    if (const auto refusal = too_many_together(rest)) return fail(error, *refusal);
    if (const auto begun = begin_submits(instance, count); !begun) return fail(error, begun.error());
    while (!rest.empty()) {
      const auto other = std::find_if(rest.begin() + 1, rest.end(), [&](const keelson_write& write) { return !alike(rest.front(), write); });
      const auto some = rest.first(static_cast<std::size_t>(other - rest.begin()));
      const auto token = first_token + (count - rest.size());
      if (some.size() == 1) begin_submit(instance, call, some.front(), token);
      else begin_alike(instance, call, some, token);
      rest = rest.subspan(some.size());
    }
    return 0;
  });
}

// --- the rest ------------------------------------------------------------------------------------------------------

void event(void* host, keelson_call call, keelson_bytes about, int32_t warning, keelson_bytes reason, keelson_bytes note, keelson_bytes component) {
  std::string ignored;
  guarded(sink_to(ignored), [&] {
    auto& instance = instance_of(host);
    EventNote recorded;
    recorded.user = instance.verbs_context(call).user;
    recorded.about_json = string_of(about);
    recorded.warning = warning != 0;
    recorded.reason = string_of(reason);
    recorded.note = string_of(note);
    recorded.component = component.size != 0 ? string_of(component) : instance.component();
    if (const auto host_name = instance.settings().config.find("eventHost"); host_name != instance.settings().config.end()) recorded.host = host_name->second;
    instance.core().events.record(std::move(recorded));
    return 0;
  });
}

base::Labels labels_of(std::string_view text) {
  base::Labels labels;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto pair = text.substr(0, comma);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos) labels.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return labels;
}

uint64_t metric(void* host, const keelson_metric* wanted) {
  try {
    auto& instance = instance_of(host);
    auto& metrics = instance.core().metrics;
    const auto name = string_of(wanted->name), help = string_of(wanted->help);
    const auto labels = labels_of(text_of(wanted->labels));
    if (wanted->type == KEELSON_COUNTER) return instance.add_metric([&c = metrics.counter(name, help, labels)](double v) { c.add(v); });
    if (wanted->type == KEELSON_GAUGE) return instance.add_metric([&g = metrics.gauge(name, help, labels)](double v) { g.set(v); });
    const std::vector<double> bounds(wanted->bounds, wanted->bounds + wanted->bound_count);
    return instance.add_metric([&h = metrics.histogram(name, help, bounds, labels)](double v) { h.observe(v); });
  } catch (const std::exception&) {
    return 0;   // a bad name: recording to it does nothing
  }
}

void record(void* host, uint64_t metric, double value) { instance_of(host).record(metric, value); }

void log(void* host, keelson_call call, int32_t level, keelson_bytes message) {
  constexpr base::LogLevel kLevels[] = {base::LogLevel::debug, base::LogLevel::info, base::LogLevel::warn, base::LogLevel::error};
  (void)call;
  instance_of(host).log(kLevels[std::clamp<int32_t>(level, 0, 3)], text_of(message));
}

int64_t unix_ns(void* host) { return instance_of(host).core().runtime.unix_ns(); }
int64_t monotonic_ns(void* host) { return instance_of(host).core().runtime.monotonic_ns(); }
uint64_t random_u64(void* host) { return instance_of(host).core().runtime.random_u64(); }

int32_t sleep(void* host, keelson_call call, int64_t ns) {
  auto& calls = instance_of(host).calls();
  if (hook_forbids(instance_of(host), call, true, false) != nullptr) return 0;
  return calls.sleep(calls.find(call).get(), ns) ? 1 : 0;
}

int32_t cancelled(void* host, keelson_call call) {
  auto& calls = instance_of(host).calls();
  return calls.cancelled(calls.find(call).get()) ? 1 : 0;
}

int32_t config(void* host, keelson_bytes key, keelson_sink out) {
  const auto& config = instance_of(host).settings().config;
  const auto found = config.find(string_of(key));
  if (found == config.end()) return 0;
  put(out, found->second);
  return 1;
}

void enqueue(void* host, uint32_t controller, const keelson_key* key, int64_t delay_ns) {
  instance_of(host).enqueue(controller, queue_key(text_of(key->ns), text_of(key->name)), delay_ns);
}

// --- hooks ---------------------------------------------------------------------------------------------------------

HookQuestion question_of(const keelson_hook_request& request) {
  HookQuestion question{string_of(request.point), {}, {}};
  for (std::uint32_t i = 0; i < request.field_count; ++i) question.fields.push_back(string_of(request.fields[i]));
  for (std::size_t i = 0; i < request.object_count; ++i) question.objects.emplace_back(object_of(request.objects[i]));
  return question;
}

keelson_status ask(void* host, keelson_call call, const keelson_hook_request* request, keelson_hook_sink answers, keelson_sink error) {
  return guarded(error, [&]() -> keelson_status {
    auto& instance = instance_of(host);
    auto& core = instance.core();
    const auto& own = instance.declaration().points;
    if (std::find(own.begin(), own.end(), text_of(request->point)) == own.end())
      return fail(error, base::bad_request("plugin " + instance.name() + " does not declare the point " + string_of(request->point)));
    if (const auto* why = hook_forbids(instance, call, true, false)) return fail(error, base::bad_request(why));
    const auto hooks = core.hooks.at(text_of(request->point));
    if (answers.put == nullptr) return hooks.empty() ? 404 : 0;
    if (hooks.empty()) return 0;
    const auto question = question_of(*request);
    for (const auto& hook : hooks) {
      const auto answer = hook->declared().is_inline ? hook->ask(question) : await<HookAnswer>(core.runtime, [&](auto done) { hook->ask_later(question, std::move(done)); });
      if (answer.status != 0 && !hook->declared().fail_closed) continue;
      const auto& text = answer.status != 0 ? answer.error_json : answer.text;
      if (answers.put(answers.to, bytes_of(hook->plugin()), answer.status, answer.decision, answer.number, bytes_of(text), bytes_of(answer.body)) == 0) break;
    }
    return 0;
  });
}

void hook_changed(void* host, uint32_t hook) { instance_of(host).hook_changed(hook); }

keelson_status pass_on(void* host, keelson_call call, keelson_bytes method, keelson_bytes path, keelson_bytes body, keelson_sink out) {
  return guarded(out, [&]() -> keelson_status {
    auto& instance = instance_of(host);
    const auto* const passing = instance.core().pass_on;
    if (const auto* why = hook_forbids(instance, call, true, true)) return fail(out, base::bad_request(why));
    if (passing == nullptr || !*passing) return fail(out, base::no_such_resource());
    const auto context = instance.verbs_context(call);
    const auto answered = await<base::Outcome<std::string>>(instance.core().runtime, [&](auto done) {
      (*passing)(context.user, {string_of(method), string_of(path), string_of(body)}, std::move(done));
    });
    if (!answered) return fail(out, answered.error());
    put(out, *answered);
    return 0;
  });
}

}  // namespace

const keelson_host_v1& core_host_table() {
  static const keelson_host_v1 table{sizeof(keelson_host_v1), KEELSON_ABI_MINOR, retain, release, view, label, field, finalizer, get, list, kinds, write, transact,
                                     submit, event, metric, record, log, unix_ns, monotonic_ns, random_u64, sleep, cancelled, config, enqueue, ask, hook_changed, pass_on, transact_each, submit_each};
  return table;
}

std::string kind_entry_json(const kinds::Kind& kind) {
  json::array subresources;
  for (const auto& subresource : kind.subresources) subresources.emplace_back(subresource.name);
  return json::serialize(json::object{{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}, {"resource", kind.resource}, {"namespaced", kind.namespaced},
      {"verbs", json::value_from(kind.verbs)}, {"subresources", std::move(subresources)}, {"storageKey", kind.storage_key.text()}, {"declaredBy", kind.declared_by},
      {"custom", kind.strategy.custom_resource}});
}

std::string message_of(const std::string& status_json) {
  boost::system::error_code failed;
  const auto value = base::json_of(status_json, failed);
  if (!failed && value.is_object())
    if (const auto message = text(value.get_object(), "message")) return *message;
  return status_json;
}

}  // namespace keelson::plugins

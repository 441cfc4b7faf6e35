#include "core/plugins/child/child_host.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>

#include "core/base/error.hpp"
#include "core/plugins/together.hpp"

namespace keelson::plugins {
namespace {

/// The lane of a thread while it runs a call, and that call's deadline. No destructors.
thread_local Lane* own_lane = nullptr;
thread_local Intake* own_intake = nullptr;
thread_local base::Monotonic own_deadline = base::kForever;
thread_local std::vector<KeptWrite>* own_last = nullptr;
thread_local bool own_wrote = false;

ChildHost& host_of(void* host) { return *static_cast<ChildHost*>(host); }
std::string_view view_of(keelson_bytes bytes) { return bytes.size == 0 ? std::string_view() : std::string_view(bytes.data, bytes.size); }
void put(keelson_sink sink, capnp::Data::Reader data) { sink.put(sink.to, abi_bytes(data)); }

// --- objects -------------------------------------------------------------------------------------------------------

void retain(void*, keelson_object object) { child_object_of(object)->retain(); }
void release(void*, keelson_object object) { child_object_of(object)->release(); }

void view(void*, keelson_object handle, keelson_object_view* out) {
  auto full = child_object_of(handle)->view();
  const auto known = std::min<std::size_t>(out->size, sizeof full);   // an older plugin knows fewer members
  full.size = static_cast<std::uint32_t>(known);
  std::memcpy(out, &full, known);
}

std::int32_t find(const std::vector<ChildObject::Pair>& pairs, keelson_bytes wanted, keelson_bytes* out) {
  for (const auto& [name, value] : pairs) {
    if (view_of(name) != view_of(wanted)) continue;
    *out = value;
    return 1;
  }
  return 0;
}

std::int32_t label(void*, keelson_object object, keelson_bytes key, keelson_bytes* out) { return find(child_object_of(object)->labels(), key, out); }
std::int32_t field(void*, keelson_object object, keelson_bytes path, keelson_bytes* out) { return find(child_object_of(object)->fields(), path, out); }

std::int32_t finalizer(void*, keelson_object object, std::uint32_t index, keelson_bytes* out) {
  const auto& finalizers = child_object_of(object)->finalizers();
  if (index >= finalizers.size()) return 0;
  *out = finalizers[index];
  return 1;
}

// --- reads and writes ----------------------------------------------------------------------------------------------

void fill_kind(wire::Write::Builder to, const keelson_kind& kind) {
  set_text(view_of(kind.group), [&](unsigned size) { return to.initGroup(size); });
  set_text(view_of(kind.version), [&](unsigned size) { return to.initVersion(size); });
  set_text(view_of(kind.resource), [&](unsigned size) { return to.initResource(size); });
}

void fill_key(wire::Write::Builder to, const keelson_key& key) {
  set_text(view_of(key.ns), [&](unsigned size) { return to.initNs(size); });
  set_text(view_of(key.name), [&](unsigned size) { return to.initName(size); });
}

keelson_status get(void* host, keelson_call call, const keelson_kind* kind, const keelson_key* key, keelson_object* out, keelson_sink error) {
  keelson_status status = 0;
  host_of(host).ask(RequestOp::get, call,
                    [&](wire::Request::Builder to) {
                      auto subject = to.initWrites(1)[0];
                      fill_kind(subject, *kind);
                      fill_key(subject, *key);
                    },
                    [&](const FrameRef& frame, wire::Answer::Reader answer) {
                      status = answer.getStatus();
                      if (status != 0) put(error, answer.getText());
                      else if (answer.hasObject()) *out = new_object(frame, answer.getObject());
                    });
  return status;
}

keelson_status list(void* host, keelson_call call, const keelson_kind* kind, const keelson_query* query, keelson_object_sink out, keelson_sink error) {
  keelson_status status = 0;
  host_of(host).ask(RequestOp::list, call,
                    [&](wire::Request::Builder to) {
                      auto subject = to.initWrites(1)[0];
                      fill_kind(subject, *kind);
                      set_text(view_of(query->ns), [&](unsigned size) { return subject.initNs(size); });
                      to.setText(data_of(query->labels));
                      to.setMore(data_of(query->fields));
                      to.setThird(data_of(query->owner_uid));
                    },
                    [&](const FrameRef& frame, wire::Answer::Reader answer) {
                      status = answer.getStatus();
                      if (status != 0) put(error, answer.getText());
                      for (const auto object : answer.getObjects()) out.put(out.to, new_object(frame, object));
                    });
  return status;
}

/// For requests that are answered by a status and a text.
template <class Fill>
keelson_status ask_text(void* host, RequestOp op, keelson_call call, keelson_sink out, Fill&& fill) {
  keelson_status status = 0;
  host_of(host).ask(op, call, fill, [&](const FrameRef&, wire::Answer::Reader answer) {
    status = answer.getStatus();
    if (answer.hasText()) put(out, answer.getText());
  });
  return status;
}

keelson_status kinds(void* host, keelson_call call, keelson_sink out) {
  return ask_text(host, RequestOp::kinds, call, out, [](wire::Request::Builder) {});
}

keelson_status pass_on(void* host, keelson_call call, keelson_bytes method, keelson_bytes path, keelson_bytes body, keelson_sink out) {
  return ask_text(host, RequestOp::pass_on, call, out, [&](wire::Request::Builder to) {
    to.setText(data_of(method));
    to.setMore(data_of(path));
    to.setThird(data_of(body));
  });
}

keelson_status write(void* host, keelson_call call, const keelson_write* request, keelson_object* stored, keelson_sink out) {
  own_wrote = true;
  keelson_status status = 0;
  host_of(host).ask(RequestOp::write, call, [&](wire::Request::Builder to) { fill_write(to.initWrites(1)[0], *request); },
                    [&](const FrameRef& frame, wire::Answer::Reader answer) {
                      status = answer.getStatus();
                      if (answer.hasText()) put(out, answer.getText());
                      *stored = answer.hasObject() ? new_object(frame, answer.getObject()) : nullptr;
                    });
  return status;
}

void fill_writes(wire::Request::Builder to, std::span<const keelson_write> writes) {
  auto all = to.initWrites(static_cast<unsigned>(writes.size()));
  for (unsigned i = 0; i < writes.size(); ++i) fill_write(all[i], writes[i]);
}

keelson_status transact(void* host, keelson_call call, const keelson_write* writes, size_t count, keelson_sink error) {
  own_wrote = true;
  return ask_text(host, RequestOp::transact, call, error, [&](wire::Request::Builder to) { fill_writes(to, {writes, count}); });
}

keelson_status submit(void* host, keelson_call call, const keelson_write* request, uint64_t token, keelson_sink error) {
  if (token == 0 && host_of(host).keep_for_answer(*request)) return 0;
  own_wrote = true;
  return ask_text(host, RequestOp::submit, call, error, [&](wire::Request::Builder to) {
    to.setToken(token);
    fill_write(to.initWrites(1)[0], *request);
  });
}

keelson_status submit_each(void* host, keelson_call call, const keelson_write* writes, size_t count, uint64_t first_token, keelson_sink error) {
  // Here already: a frame has its bounds, too.
  if (const auto refusal = too_many_together({writes, count})) {
    put(error, data_of(base::to_status_json(*refusal)));
    return refusal->code;
  }
  own_wrote = true;
  return ask_text(host, RequestOp::submit_each, call, error, [&](wire::Request::Builder to) {
    to.setToken(first_token);
    fill_writes(to, {writes, count});
  });
}

// --- what is recorded ----------------------------------------------------------------------------------------------

void event(void* host, keelson_call call, keelson_bytes about, int32_t warning, keelson_bytes reason, keelson_bytes note, keelson_bytes component) {
  host_of(host).say(RequestOp::event, call, [&](wire::Request::Builder to) {
    to.setText(data_of(about));
    to.setNumber(warning);
    to.setMore(data_of(reason));
    auto rest = to.initWrites(1)[0];
    rest.setBody(data_of(note));
    rest.setOptions(data_of(component));
  });
}

uint64_t metric(void* host, const keelson_metric* wanted) {
  std::uint64_t number = 0;
  host_of(host).ask(RequestOp::metric, 0,
                    [&](wire::Request::Builder to) {
                      to.setNumber(wanted->type);
                      to.setText(data_of(wanted->name));
                      to.setMore(data_of(wanted->help));
                      to.setThird(data_of(wanted->labels));
                      auto bounds = to.initBounds(static_cast<unsigned>(wanted->bound_count));
                      for (unsigned i = 0; i < wanted->bound_count; ++i) bounds.set(i, wanted->bounds[i]);
                    },
                    [&](const FrameRef&, wire::Answer::Reader answer) { number = static_cast<std::uint64_t>(answer.getNumber()); });
  return number;
}

void record(void* host, uint64_t metric, double value) {
  host_of(host).say(RequestOp::record, 0, [&](wire::Request::Builder to) {
    to.setToken(metric);
    to.setValue(value);
  });
}

void log(void* host, keelson_call call, int32_t level, keelson_bytes message) {
  host_of(host).say(RequestOp::log, call, [&](wire::Request::Builder to) {
    to.setNumber(level);
    to.setText(data_of(message));
  });
}

// --- time, chance, itself ------------------------------------------------------------------------------------------

int64_t unix_ns(void* host) { return host_of(host).runtime().unix_ns(); }
int64_t monotonic_ns(void* host) { return host_of(host).runtime().monotonic_ns(); }
uint64_t random_u64(void* host) { return host_of(host).runtime().random_u64(); }
int32_t sleep(void* host, keelson_call, int64_t ns) { return host_of(host).sleep(ns) ? 1 : 0; }
int32_t cancelled(void* host, keelson_call) { return host_of(host).cancelled() ? 1 : 0; }

int32_t config(void* host, keelson_bytes key, keelson_sink out) {
  bool found = false;
  host_of(host).ask(RequestOp::config, 0, [&](wire::Request::Builder to) { to.setText(data_of(key)); },
                    [&](const FrameRef&, wire::Answer::Reader answer) {
                      found = answer.getFound();
                      if (found) put(out, answer.getText());
                    });
  return found ? 1 : 0;
}

void enqueue(void* host, uint32_t controller, const keelson_key* key, int64_t delay_ns) {
  host_of(host).say(RequestOp::enqueue, 0, [&](wire::Request::Builder to) {
    to.setToken(controller);
    to.setNumber(delay_ns);
    fill_key(to.initWrites(1)[0], *key);
  });
}

// --- hooks ---------------------------------------------------------------------------------------------------------

// What would be asked about lives in this process, so only the question whether there is anybody has an answer.
keelson_status ask(void* host, keelson_call call, const keelson_hook_request* request, keelson_hook_sink answers, keelson_sink error) {
  const auto status = ask_text(host, RequestOp::ask, call, error, [&](wire::Request::Builder to) { to.setText(data_of(request->point)); });
  if (answers.put == nullptr) return status;
  if (status == 404) return 0;
  if (status != 0) return status;
  const auto refused = base::to_status_json(base::internal("hooks of a plugin that runs in a process of its own are not asked: " + std::string(view_of(request->point))));
  error.put(error.to, {refused.data(), refused.size()});
  return 500;
}

void hook_changed(void* host, uint32_t hook) {
  host_of(host).say(RequestOp::hook_changed, 0, [&](wire::Request::Builder to) { to.setNumber(hook); });
}

}  // namespace

void fill_write(wire::Write::Builder to, const keelson_write& write) {
  to.setOp(write.op);
  fill_kind(to, write.kind);
  fill_key(to, write.key);
  set_text(view_of(write.subresource), [&](unsigned size) { return to.initSubresource(size); });
  to.setBody(data_of(write.body));
  to.setOptions(data_of(write.options));
}

KeptWrite::KeptWrite(const keelson_write& write) : op(write.op) {
  std::size_t i = 0;
  for (const auto text : {write.kind.group, write.kind.version, write.kind.resource, write.key.ns, write.key.name, write.subresource, write.body, write.options}) texts[i++] = view_of(text);
}

void KeptWrite::fill(wire::Write::Builder to) const {
  const auto bytes = [&](std::size_t i) { return keelson_bytes{texts[i].data(), texts[i].size()}; };
  fill_write(to, {sizeof(keelson_write), op, {bytes(0), bytes(1), bytes(2)}, {bytes(3), bytes(4)}, bytes(5), bytes(6), bytes(7)});
}

ChildObject::ChildObject(FrameRef frame, wire::Object::Reader object) : frame_(std::move(frame)) {
  view_.size = sizeof view_;
  view_.finalizer_count = object.getFinalizers().size();
  view_.revision = object.getRevision();
  view_.generation = object.getGeneration();
  view_.creation_unix_s = object.getCreationUnixS();
  view_.deletion_unix_s = object.getDeletionUnixS();
  view_.deletion_grace_s = object.getDeletionGraceS();
  view_.storage_key = abi_bytes(object.getStorageKey());
  view_.ns = abi_bytes(object.getNs());
  view_.name = abi_bytes(object.getName());
  view_.uid = abi_bytes(object.getUid());
  view_.controller_uid = abi_bytes(object.getControllerUid());
  view_.body = abi_bytes(object.getBody());
  view_.owner_count = object.getOwnerCount();
  for (const auto label : object.getLabels()) labels_.emplace_back(abi_bytes(label.getName()), abi_bytes(label.getValue()));
  for (const auto field : object.getFields()) fields_.emplace_back(abi_bytes(field.getName()), abi_bytes(field.getValue()));
  for (const auto finalizer : object.getFinalizers()) finalizers_.push_back(abi_bytes(finalizer));
}

keelson_object new_object(const FrameRef& frame, wire::Object::Reader object) { return handle_of(new ChildObject(frame, object)); }

const keelson_host_v1& child_host_table() {
  static const keelson_host_v1 table{sizeof(keelson_host_v1), KEELSON_ABI_MINOR, retain, release, view, label, field, finalizer, get, list, kinds, write, transact,
                                     submit, event, metric, record, log, unix_ns, monotonic_ns, random_u64, sleep, cancelled, config, enqueue, ask, hook_changed, pass_on, nullptr, submit_each};
  return table;
}

void Intake::add(FrameRef call) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(call));
}

bool Intake::empty() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty();
}

FrameRef Intake::take(base::Monotonic now) {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return nullptr;
  auto next = std::move(waiting_.front());
  waiting_.pop_front();
  begun_ = now;
  return next;
}

std::vector<std::uint64_t> Intake::give_back(base::Monotonic begun_before) {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> ids;
  if (begun_ >= begun_before) return ids;
  for (const auto& call : waiting_) ids.push_back(call->frame().getCall().getId());
  waiting_.clear();
  return ids;
}

void ChildHost::lost() { ::_exit(kLostCore); }

void ChildHost::set_lane(Lane* lane, Intake* intake, base::Monotonic deadline, std::vector<KeptWrite>* last) {
  own_lane = lane;
  own_intake = intake;
  own_deadline = deadline;
  own_last = last;
  own_wrote = false;
}

bool ChildHost::keep_for_answer(const keelson_write& write) {
  if (own_last == nullptr || own_wrote) return false;
  own_last->emplace_back(write);
  return true;
}

ChildHost::Held ChildHost::hold_lane() {
  if (own_lane != nullptr) return {own_lane, {}};
  return {&outside_, std::unique_lock(outside_mutex_)};   // a thread of the plugin's own
}

FrameRef ChildHost::answer_on(Lane& lane) {
  for (;;) {
    FrameRef received;
    if (lane.receive(received, runtime_) != Lane::Got::frame) lost();
    if (received->frame().isAnswer()) return received;
    if (!received->frame().isCall() || &lane != own_lane) lost();
    own_intake->add(std::move(received));   // was sent ahead
  }
}

bool ChildHost::cancelled() const { return all_cancelled_.load() || runtime_.monotonic_ns() >= own_deadline; }

bool ChildHost::sleep(std::int64_t ns) {
  const auto until = std::min(own_deadline, runtime_.monotonic_ns() + std::max<std::int64_t>(ns, 0));
  std::unique_lock lock(mutex_);
  while (!all_cancelled_.load() && runtime_.monotonic_ns() < until)
    cancelled_.wait_for(lock, std::chrono::nanoseconds(until - runtime_.monotonic_ns()));
  return !cancelled();
}

void ChildHost::cancel_all() {
  const std::lock_guard lock(mutex_);
  all_cancelled_.store(true);
  cancelled_.notify_all();
}

}  // namespace keelson::plugins

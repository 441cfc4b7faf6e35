// Context: what a plugin may do during a call. All reads are of the host's shared state and at least as new as the
// plugin's own last write; all writes go through the one write path under the plugin's identity.
//
// Threads: a Context belongs to its call and thread. Ownership: references from list() and get() are counted and may be
// kept for the length of the call, not longer.
// Errors: what answers an Outcome never throws; find() and list() throw HostFailure, which fails the call (retried with
// back-off), so that "there is none" and "could not look" are never mixed up.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <keelson/abi.hpp>
#include <keelson/codec.hpp>
#include <keelson/object.hpp>
#include <keelson/result.hpp>

namespace keelson {

/// A counted reference to the host's own immutable object; decodes to T on first use, at most once.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(ObjectHandle handle) : handle_(std::move(handle)) {}
  explicit operator bool() const { return static_cast<bool>(handle_); }
  const T& operator*() const { return typed(); }
  const T* operator->() const { return &typed(); }
  // Header columns, without decoding:
  std::string_view name() const { return handle_.name(); }
  std::string_view ns() const { return handle_.ns(); }
  std::string_view uid() const { return handle_.uid(); }
  std::uint64_t revision() const { return handle_.revision(); }
  bool deleting() const { return handle_.deleting(); }
  std::string_view label(std::string_view key) const { return handle_.label(key); }     ///< "" when absent
  std::string_view controller_uid() const { return handle_.controller_uid(); }          ///< "" when there is none
  std::string_view field(std::string_view path) const { return handle_.field(path); }   ///< a selectable field: "spec.nodeName"
  std::string_view body() const { return handle_.body(); }
  Key key() const { return handle_.key(); }
  const ObjectHandle& handle() const { return handle_; }

 private:
  const T& typed() const {
    if (!typed_) typed_ = std::make_shared<const T>(decode<T>(handle_.body()));
    return *typed_;
  }
  ObjectHandle handle_;
  mutable std::shared_ptr<const T> typed_;   // shared: copies of a Ref decode once
};

/// Which objects a list is about. Every member narrows.
struct Query {
  std::string ns;               ///< "" = all namespaces
  std::string labels;           ///< label selector text: "app=web,tier!=db"
  std::string fields;           ///< field selector text: "spec.nodeName=n1" (equality is indexed)
  std::string owner_uid;        ///< only objects whose controller is this one (indexed)
};

struct RemoveOptions {
  std::string uid;                                     ///< precondition, "" = none
  std::optional<std::int64_t> grace_period_s;
  std::string propagation;                             ///< "", Foreground, Background, Orphan
};

enum class EventType { Normal, Warning };
inline constexpr EventType Normal = EventType::Normal;
inline constexpr EventType Warning = EventType::Warning;

namespace detail {
std::string options_json(const RemoveOptions& options);
/// The merge patch that makes `from` (an object as read) `to`, under from's resourceVersion; "" when nothing differs.
std::string modification(std::string_view from_json, std::string_view to_json);
/// The same of two structs of the codec's type.
std::string modification(const codec::Codec& codec, const void* from, const void* to);
/// Namespace and name of such a struct.
Key key_of(const codec::Codec& codec, const void* object);
/// What is asked of an object's status: `from` and `to` encoded, "" where the object leaves it out.
struct StatusChange {
  Key key;
  std::string revision, from, to;
};
StatusChange status_change(const codec::Codec& codec, const void* object, const void* from, const void* to);
/// Namespace and name of an encoded object.
Key key_of(std::string_view object_json);
/// An ObjectReference to an encoded object.
std::string reference_to(const Gvk& gvk, std::string_view object_json);
std::string reference_to(const Gvk& gvk, const ObjectHandle& object);
}  // namespace detail

template <class T>
std::string reference_json(const T& about) { return detail::reference_to(T::gvk, encode(about)); }
template <class T>
std::string reference_json(const Ref<T>& about) { return detail::reference_to(T::gvk, about.handle()); }

/// Several writes, all or nothing.
class Transaction {
 public:
  template <class T> Transaction& create(const T& object) {
    const auto body = encode(object);
    add("create", T::gvk, detail::key_of(body), {}, body, {});
    return *this;
  }
  template <class T> Transaction& modify(const T& from, const T& to, std::string_view subresource = "") {
    constexpr auto& table = codec::CodecFor<T>::value;
    const auto patch = detail::modification(table, &from, &to);
    if (!patch.empty()) add("merge_patch", T::gvk, detail::key_of(table, &from), subresource, patch, {});
    return *this;
  }
  template <class T> Transaction& remove(const Key& key, const RemoveOptions& options = {}) {
    add("remove", T::gvk, key, {}, {}, detail::options_json(options));
    return *this;
  }
  bool empty() const { return steps_.empty(); }

 private:
  friend class Context;
  void append_to(std::vector<keelson_write>& writes) const;
  struct Step { std::string op, group, version, resource; Key key; std::string subresource, body, options; };
  void add(std::string_view op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body, std::string_view options);
  std::vector<Step> steps_;
};

namespace detail {
/// A write that is not done yet, and then its answer.
class Waiting {
 public:
  /// `last`: nobody will look at the object as stored, and a failure is the call's.
  using Write = std::function<Outcome<ObjectHandle>(bool last)>;
  Waiting(const HostCall& call, Write write) : call_(call), write_(std::move(write)) {}
  /// Does it, if that was not done.
  const Outcome<ObjectHandle>& answer(bool last = false);

 private:
  const HostCall call_;
  Write write_;
  std::optional<Outcome<ObjectHandle>> answer_;
};
/// What waits in a call is done before anything else.
void settle(const HostCall& call);
}  // namespace detail

/// What a write answers, as an Outcome<T>. In a reconcile it is done when somebody looks at it or does anything else with the
/// host; if it is what the reconcile returns, it is done right after that and travels with the reply, where there is one. Locals of
/// the reconcile are gone by then.
template <class T>
class Written {
 public:
  explicit Written(Outcome<T> outcome) : outcome_(std::move(outcome)) {}   // explicit: in c ? outcome : written the written one gives way
  explicit Written(std::shared_ptr<detail::Waiting> waiting) : waiting_(std::move(waiting)) {}
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;

  explicit operator bool() const { return outcome().has_value(); }
  bool has_value() const { return outcome().has_value(); }
  bool has_error() const { return outcome().has_error(); }
  const T& operator*() const { return *outcome(); }
  T& operator*() { return *outcome(); }
  const T* operator->() const { return &*outcome(); }
  const T& value() const { return outcome().value(); }
  Error error() const { return outcome().error(); }
  operator Outcome<T>() const { return outcome(); }   // NOLINT: implicit
  operator Result() const { return outcome_ ? Result(*outcome_) : Result(waiting_); }   // NOLINT: implicit

 private:
  Outcome<T>& outcome() const {
    if (outcome_) return *outcome_;
    const auto& answer = waiting_->answer();
    outcome_ = answer ? Outcome<T>(decode<T>(answer->body())) : Outcome<T>(answer.error());
    return *outcome_;
  }
  std::shared_ptr<detail::Waiting> waiting_;   // shared: with the call, which does it at the latest
  mutable std::optional<Outcome<T>> outcome_;
};

class Context {
 public:
  explicit Context(HostCall call) : call_(call) {}

  // --- reads -------------------------------------------------------------------------------------------------------
  template <class T> Outcome<Ref<T>> get(const Key& key) { return as_ref<T>(get_raw(T::gvk, key)); }   ///< 404 when absent
  template <class T> Ref<T> find(const Key& key) { return Ref<T>(find_raw(T::gvk, key)); }             ///< empty when absent
  template <class T> std::vector<Ref<T>> list(const Query& query = {}) {
    std::vector<Ref<T>> all;
    each_raw(T::gvk, query, [](void* to, ObjectHandle object) { static_cast<std::vector<Ref<T>>*>(to)->emplace_back(std::move(object)); }, &all);
    return all;
  }

  // --- writes (all answer the object as stored) --------------------------------------------------------------------
  /// In a reconcile, an object of a kind that the controller owns gets an owner reference to what is reconciled and, if it
  /// names none, its namespace.
  template <class T> Outcome<T> create(const T& object) { return as_typed<T>(create_json(T::gvk, encode(object))); }
  /// Server-side apply as field manager "<plugin>", forced. Owner reference and namespace as in create().
  template <class T> Outcome<T> apply(const T& object) { return as_typed<T>(apply_json(T::gvk, encode(object))); }
  /// Sends what differs between `from` (as read) and `to` as a merge patch, under from's resourceVersion: 409 when somebody
  /// else wrote in between; fields that T does not know survive (inside a list that differs: only those that T knows).
  /// Nothing differs: no call.
  template <class T> Written<T> modify(const T& from, const T& to, std::string_view subresource = "") {
    constexpr auto& table = codec::CodecFor<T>::value;
    auto patch = detail::modification(table, &from, &to);
    if (patch.empty()) return Written<T>(Outcome<T>(to));
    return Written<T>(patch_json(T::gvk, detail::key_of(table, &from), subresource, std::move(patch)));
  }
  template <class T> Written<T> modify_status(const T& from, const T& to) { return modify(from, to, "status"); }
  template <class T> Written<T> patch(const Key& key, std::string_view merge_patch_json, std::string_view subresource = "") {
    return Written<T>(patch_json(T::gvk, key, subresource, std::string(merge_patch_json)));
  }
  template <class T> Outcome<void> remove(const Key& key, const RemoveOptions& options = {}) {
    const auto gone = write_raw("remove", T::gvk, key, {}, {}, detail::options_json(options));
    if (!gone) return gone.error();
    return {};
  }
  /// Replaces the status of `object`, if it differs. When somebody else wrote in between, it is done again on what is there
  /// now (kStatusConflictTries times); conditions of types that are not in `status` stay if they were not in `object` either.
  template <class T> Written<T> set_status(const T& object, const std::type_identity_t<decltype(T::status)>& status) {
    auto changing = set_status_json(T::gvk, detail::status_change(codec::CodecFor<T>::value, &object, &object.status, &status));
    if (!changing) return Written<T>(Outcome<T>(changing.error()));
    if (*changing != nullptr) return Written<T>(std::move(*changing));
    T same = object;
    same.status = status;
    return Written<T>(Outcome<T>(std::move(same)));
  }
  Outcome<void> commit(const Transaction& transaction);
  /// commit() of each for itself, in their order. None waits for those before it, so that many take less time than one after the other.
  std::vector<Outcome<void>> commit_each(const std::vector<Transaction>& transactions);
  /// POST of `body_json` to a subresource ("binding", "token", "eviction"); answers the response object's JSON.
  Outcome<std::string> post(const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json);

  /// Starts a write without waiting; `completed` runs on the plugin's event thread with the Status, null on success.
  void submit_post(const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json, std::function<void(const Error*)> completed);
  void submit_patch(const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view merge_patch_json, std::function<void(const Error*)> completed);
  /// What modify() sends; nothing differs: `completed` runs at once.
  template <class T> void submit_modify(const T& from, const T& to, std::string_view subresource, std::function<void(const Error*)> completed) {
    constexpr auto& table = codec::CodecFor<T>::value;
    const auto patch = detail::modification(table, &from, &to);
    if (patch.empty()) return completed(nullptr);
    submit_patch(T::gvk, detail::key_of(table, &from), subresource, patch, std::move(completed));
  }
  template <class T> void submit_create(const T& object, std::function<void(const Error*)> completed) {
    submit_create(T::gvk, {object.meta.namespace_, {}}, encode(object), std::move(completed));
  }
  /// Of writes that are sent together, what one has of its own.
  struct Submitted {
    Key key;
    std::string body_json;
    std::function<void(const Error*)> completed;
  };
  /// submit_patch() of each, sent together: of many, each costs less so. Those of one object are made in their order. At most
  /// KEELSON_TOGETHER_MAX with KEELSON_TOGETHER_BYTES_MAX; of more, none (413).
  void submit_patches(const Gvk& gvk, std::string_view subresource, std::vector<Submitted> patches);
  /// submit_post() of each, likewise.
  void submit_posts(const Gvk& gvk, std::string_view subresource, std::vector<Submitted> posts);
  /// The body names it; key.ns is its namespace.
  void submit_create(const Gvk& gvk, const Key& key, std::string_view body_json, std::function<void(const Error*)> completed);

  // --- untyped (any kind by group, version, resource) --------------------------------------------------------------
  Outcome<ObjectHandle> get_raw(const Gvk& gvk, const Key& key);
  ObjectHandle find_raw(const Gvk& gvk, const Key& key);
  Outcome<std::vector<ObjectHandle>> list_raw(const Gvk& gvk, const Query& query);
  /// `op`: create, update, merge_patch, json_patch, strategic_patch, apply, remove. Options: dryRun, force, fieldManager,
  /// uid, resourceVersion, gracePeriodSeconds, propagationPolicy. Answers the stored object's JSON.
  Outcome<std::string> write_raw(std::string_view op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json, std::string_view options_json = {});
  /// All kinds that are served, for those that work on any (garbage collection, namespace deletion).
  std::vector<KindInfo> kinds();

  // --- what other servers serve (APIServices with a service) -----------------------------------------------------
  /// A request as a client would make it, to an API that this server only passes on; who asks is this plugin, and its rights
  /// count. Answers the body of a 2xx. 404: nobody else serves that; 503: its server does not answer.
  Outcome<std::string> pass_on(std::string_view method, std::string_view path, std::string_view body_json = {});

  // --- the rest ----------------------------------------------------------------------------------------------------
  /// Recorded as core/v1 Event (repeats counted in one object), asynchronously, never failing the call. `component`
  /// empty: the plugin's.
  template <class T> void event(const T& about, EventType type, std::string_view reason, std::string_view note, std::string_view component = "") {
    record_event(reference_json(about), type, reason, note, component);
  }
  void record_event(std::string_view reference_json, EventType type, std::string_view reason, std::string_view note, std::string_view component = "");
  std::chrono::sys_seconds now() const;
  std::int64_t unix_ns() const;
  std::int64_t monotonic_ns() const;
  void log(std::string_view level, std::string_view message);
  std::uint64_t random();
  /// True once the host wants this call to end (shutdown, unload, deadline).
  bool cancelled() const;
  /// Waits up to `duration`; false when cancelled. A scheduling point of the simulator.
  bool sleep(std::chrono::nanoseconds duration);
  const HostCall& host_call() const { return call_; }

 private:
  template <class T> static Outcome<Ref<T>> as_ref(Outcome<ObjectHandle> object) {
    if (!object) return object.error();
    return Ref<T>(std::move(*object));
  }
  template <class T> static Outcome<T> as_typed(const Outcome<ObjectHandle>& object) {
    if (!object) return object.error();
    return decode<T>(object->body());
  }
  void each_raw(const Gvk& gvk, const Query& query, void (*put)(void*, ObjectHandle), void* to);
  Outcome<ObjectHandle> create_json(const Gvk& gvk, std::string body);
  Outcome<ObjectHandle> apply_json(const Gvk& gvk, std::string body);
  using WaitingRef = std::shared_ptr<detail::Waiting>;
  /// To be done now, unless it is a reconcile that asks.
  WaitingRef later(detail::Waiting::Write write);
  WaitingRef patch_json(const Gvk& gvk, const Key& key, std::string_view subresource, std::string patch);
  Outcome<WaitingRef> set_status_json(const Gvk& gvk, detail::StatusChange change);
  Outcome<ObjectHandle> write_object(std::uint32_t op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body, std::string_view options);
  void submit(std::uint32_t op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body, std::function<void(const Error*)> completed);
  void submit_each(std::uint32_t op, const Gvk& gvk, std::string_view subresource, std::vector<Submitted> all);
  HostCall call_;
};

inline constexpr int kStatusConflictTries = 4;

}  // namespace keelson

// Admission: what must be true of a change before it is stored, and what is added to it.
//
//   class Labels : public keelson::Admission<keelson::Pod> {
//     keelson::Result mutate(keelson::Context& ctx, keelson::Review& review, keelson::Pod& pod) override { ... }
//     keelson::Result validate(keelson::Context& ctx, keelson::Review& review, const keelson::Pod& pod) override { ... }
//   };
//   setup.admission<keelson::Pod>(std::make_unique<Labels>());
//
// Invariants: mutators run in order (HookOptions::order, then the plugin's name), then once more those that asked to be
//   reinvoked and behind which the object changed; then validators. Which of the two a class has is seen from what it
//   overrides. done() admits; denied(), invalid() refuse; any other failure, an exception and a passed deadline are "could
//   not answer": HookOptions::on_failure. A hook makes no writes: it adds them to the review, and they join the same commit.
//   What it reads by get() and find() has to hold until the commit, else admission is repeated; lists are not held so.
// Threads: any, many at once. Fields that T does not know survive a mutation.
#pragma once
#include <memory>
#include <type_traits>

#include <keelson/hooks.hpp>

namespace keelson {

/// One write on its way. Texts are borrowed for the call.
class Review {
 public:
  Review(const HookRequest& request, HookReply& reply) : request_(request), reply_(reply) {}
  bool creates() const { return operation() == "CREATE"; }
  bool updates() const { return operation() == "UPDATE"; }
  bool deletes() const { return operation() == "DELETE"; }
  std::string_view operation() const { return request_.text(KEELSON_IN_VERB); }
  std::string_view user() const { return request_.text(KEELSON_IN_USER); }
  std::string_view user_uid() const { return request_.text(KEELSON_IN_UID); }
  std::string_view groups() const { return request_.text(KEELSON_IN_GROUPS); }            ///< one a line
  std::string_view extra_json() const { return request_.text(KEELSON_IN_EXTRA); }
  Gvk gvk() const { return {request_.text(KEELSON_IN_GROUP), request_.text(KEELSON_IN_VERSION), request_.text(KEELSON_IN_KIND), request_.text(KEELSON_IN_RESOURCE)}; }
  std::string_view subresource() const { return request_.text(KEELSON_IN_SUBRESOURCE); }
  std::string_view ns() const { return request_.text(KEELSON_IN_NAMESPACE); }
  std::string_view name() const { return request_.text(KEELSON_IN_NAME); }                ///< "" when the server makes one
  bool dry_run() const { return !request_.text(KEELSON_IN_DRY_RUN).empty(); }
  std::string_view object_json() const { return request_.text(KEELSON_IN_OBJECT); }       ///< "" for DELETE
  std::string_view old_json() const { return request_.text(KEELSON_IN_OLD); }             ///< "" for CREATE
  template <class T> std::optional<T> old() const {
    return old_json().empty() ? std::optional<T>() : std::optional<T>(decode<T>(old_json()));
  }

  /// Shown to the client (a Warning header).
  void warn(std::string_view text) { reply_.warn(text); }

  // --- writes that join the commit, under the plugin's identity ---
  template <class T> void create(const T& object) { add_json("create", T::gvk, encode(object)); }
  template <class T> void apply(const T& object) { add_json("apply", T::gvk, encode(object)); }
  template <class T> void patch(const Key& key, std::string_view merge_patch_json, std::string_view subresource = "") { reply_.write("merge_patch", T::gvk, key, subresource, merge_patch_json); }
  template <class T> void remove(const Key& key) { reply_.write("remove", T::gvk, key, {}, {}); }

 private:
  void add_json(std::string_view op, const Gvk& gvk, const std::string& body) { reply_.write(op, gvk, detail::key_of(body), {}, body); }
  const HookRequest& request_;
  HookReply& reply_;
};

template <class T>
class Admission {
 public:
  virtual ~Admission() = default;
  /// `object` may be changed. Not called for DELETE.
  virtual Result mutate(Context& ctx, Review& review, T& object) { (void)ctx; (void)review; (void)object; return done(); }
  /// `object` as it would be stored; for DELETE as it is.
  virtual Result validate(Context& ctx, Review& review, const T& object) { (void)ctx; (void)review; (void)object; return done(); }
};

/// The same for kinds that are not known when the plugin is compiled: HookOptions::rules say which, objects are JSON.
class AnyAdmission {
 public:
  virtual ~AnyAdmission() = default;
  virtual Result mutate(Context& ctx, Review& review, std::string& object_json) { (void)ctx; (void)review; (void)object_json; return done(); }
  virtual Result validate(Context& ctx, Review& review, std::string_view object_json) { (void)ctx; (void)review; (void)object_json; return done(); }
};

namespace detail {
/// `original` with what differs between `from` and `to`, a type's view of it.
std::string carried_over(std::string_view original_json, std::string_view from_json, std::string_view to_json);
using MutateFunction = std::function<Result(Context&, Review&, std::string& object_json)>;
using ValidateFunction = std::function<Result(Context&, Review&, std::string_view object_json)>;
HookFunction mutate_hook(MutateFunction mutate);
HookFunction validate_hook(ValidateFunction validate);
/// Asks about T when `options` say nothing else.
HookOptions admission_hook(HookOptions options, const Gvk& gvk);

/// Whether a class brings its own.
template <class R, class Base> constexpr bool mutates = !std::is_same_v<decltype(&R::mutate), decltype(&Base::mutate)>;
template <class R, class Base> constexpr bool validates = !std::is_same_v<decltype(&R::validate), decltype(&Base::validate)>;

template <class T>
MutateFunction typed_mutate(std::shared_ptr<Admission<T>> admission) {
  return [admission](Context& ctx, Review& review, std::string& object_json) -> Result {
    auto object = decode<T>(object_json);
    const auto before = encode(object);
    if (auto result = admission->mutate(ctx, review, object); result.kind() != Result::Kind::done) return result;
    if (const auto after = encode(object); after != before) object_json = carried_over(object_json, before, after);
    return done();
  };
}
template <class T>
ValidateFunction typed_validate(std::shared_ptr<Admission<T>> admission) {
  return [admission](Context& ctx, Review& review, std::string_view object_json) { return admission->validate(ctx, review, decode<T>(object_json)); };
}
}  // namespace detail

}  // namespace keelson

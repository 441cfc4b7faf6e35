// Hooks: how a plugin answers at a point of somebody else's work, and how it lets others answer at a point of its own. The
// interfaces for the well-known points (admission.hpp, authorization.hpp, scheduling.hpp ...) are thin clothes over this.
//
// Invariants: what crosses is flat: texts by position and objects, as each point's contract says (sdk/README.md).
// Threads: a hook is called on any thread, many at once. Ownership: request and reply live for the call.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <keelson/context.hpp>

namespace keelson {

/// Inline hooks run on the asker's thread, may not wait and call no host function that does; only plugins in the core have
/// them. Worker hooks have threads of their own and a deadline.
enum class HookMode { worker, in_line };
/// What holds when a hook cannot answer: its plugin is loading, paused, stuck or gone, it threw or took too long.
enum class OnFailure { refuse, ignore };

/// Which writes an admission hook is asked about. "*" is any; resources as in webhook rules: "pods", "pods/status", "*/*".
struct HookRule {
  std::vector<std::string> operations = {"CREATE", "UPDATE"};   ///< CREATE, UPDATE, DELETE, CONNECT
  std::vector<std::string> groups = {"*"};
  std::vector<std::string> resources = {"*"};
};

struct HookOptions {
  std::string name = {};                                       ///< "": the point's
  HookMode mode = HookMode::worker;
  int order = 36;                                              ///< among the hooks of its point, then by plugin's name
  std::chrono::milliseconds deadline = std::chrono::seconds(10);   ///< of a worker hook; at most 30 s
  OnFailure on_failure = OnFailure::refuse;
  /// Holds (and then refuses) also when its plugin's file is gone, until somebody deletes the Plugin object.
  bool required = false;
  bool reinvoke = false;                                       ///< mutate once more when a later one changed the object
  std::vector<HookRule> rules = {};
};

class HookRequest {
 public:
  HookRequest(const HostCall& call, const keelson_hook_request& request) : call_(call), request_(request) {}
  std::string_view point() const { return text_of(request_.point); }
  /// "" beyond what the asker knows.
  std::string_view text(std::size_t index) const { return index < request_.field_count ? text_of(request_.fields[index]) : std::string_view(); }
  std::size_t object_count() const { return request_.object_count; }
  ObjectHandle object(std::size_t index) const {
    return index < request_.object_count ? ObjectHandle::borrow(call_.table, call_.host, request_.objects[index]) : ObjectHandle();
  }

 private:
  const HostCall call_;
  const keelson_hook_request& request_;
};

class HookReply {
 public:
  HookReply(keelson_hook_answer& answer, keelson_sink status) : answer_(answer), status_(status) {}
  void allow(std::string_view reason = {}) { decide(KEELSON_ALLOW, reason); }
  void deny(std::string_view reason) { decide(KEELSON_DENY, reason); }
  void deny(const Error& error);                               ///< answered to the client as it is
  void reason(std::string_view text) { answer_.text(answer_.to, bytes_of(text)); }
  void number(std::int64_t value) { answer_.number = value; }
  void body(std::string_view text) { answer_.body(answer_.to, bytes_of(text)); }
  void warn(std::string_view text) { answer_.warn(answer_.to, bytes_of(text)); }
  /// KEELSON_IN_* bits of the fields that did not matter, for answers that are kept.
  void independent_of(std::uint64_t fields) { answer_.independent = fields; }
  /// A write that joins the commit that is being decided on; `op` as in Context::write_raw.
  void write(std::string_view op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json);

 private:
  void decide(std::int32_t decision, std::string_view reason) {
    answer_.decision = decision;
    if (!reason.empty()) answer_.text(answer_.to, bytes_of(reason));
  }
  keelson_hook_answer& answer_;
  keelson_sink status_;
};

/// A failed Result: the hook could not answer. What it decided is in the reply.
using HookFunction = std::function<Result(Context&, const HookRequest&, HookReply&)>;

/// For hooks whose answers are kept: what was answered so far may not be used any more.
class HookHandle {
 public:
  HookHandle() = default;
  HookHandle(const keelson_host_v1* table, void* host, std::uint32_t index) : table_(table), host_(host), index_(index) {}
  void changed() const { if (table_ != nullptr) table_->hook_changed(host_, index_); }

 private:
  const keelson_host_v1* table_ = nullptr;
  void* host_ = nullptr;
  std::uint32_t index_ = 0;
};

/// One plugin's answer at a point that is ours.
struct HookAnswer {
  std::string plugin;
  std::int32_t decision = KEELSON_NO_OPINION;
  std::int64_t number = 0;
  std::string text, body;
  std::optional<Error> failure;                                ///< it could not answer, and its policy is to refuse
};
/// Asks all hooks of a point that this plugin declared (Setup::point), in their order, until `enough` holds.
Outcome<std::vector<HookAnswer>> ask(Context& ctx, std::string_view point, const std::vector<std::string_view>& texts, const std::vector<ObjectHandle>& objects = {},
                                     const std::function<bool(const HookAnswer&)>& enough = {});

/// Whether anybody would be asked: spares making the question.
bool anybody_at(Context& ctx, std::string_view point);

/// A refusal in an admission hook: 403 with this reason.
Result denied(std::string_view why);

}  // namespace keelson

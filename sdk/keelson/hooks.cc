#include <keelson/admission.hpp>
#include <keelson/authorization.hpp>
#include <keelson/state.hpp>

namespace keelson {

using namespace detail;

void HookReply::deny(const Error& error) {
  answer_.decision = KEELSON_DENY;
  put(status_, status_json(error));
}

void HookReply::write(std::string_view op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json) {
  const keelson_write added{sizeof(keelson_write), operation_number(op), kind_of(gvk), abi_key(key), bytes_of(subresource), bytes_of(body_json), {}};
  answer_.write(answer_.to, &added);
}

Result denied(std::string_view why) { return Result::terminal(Error(403, "Forbidden", std::string(why))); }

namespace {

struct Asking {
  std::vector<HookAnswer> answers;
  const std::function<bool(const HookAnswer&)>& enough;
};

std::int32_t take_answer(void* to, keelson_bytes plugin, keelson_status status, std::int32_t decision, std::int64_t number, keelson_bytes text, keelson_bytes body) {
  auto& asking = *static_cast<Asking*>(to);
  HookAnswer answer{std::string(text_of(plugin)), decision, number, std::string(text_of(text)), std::string(text_of(body)), {}};
  if (status != 0) answer.failure = error_from_status(status, answer.text);
  asking.answers.push_back(std::move(answer));
  return asking.enough && asking.enough(asking.answers.back()) ? 0 : 1;
}

}  // namespace

Outcome<std::vector<HookAnswer>> ask(Context& ctx, std::string_view point, const std::vector<std::string_view>& texts, const std::vector<ObjectHandle>& objects,
                                     const std::function<bool(const HookAnswer&)>& enough) {
  std::vector<keelson_bytes> fields;
  std::vector<keelson_object> handles;
  for (const auto text : texts) fields.push_back(bytes_of(text));
  for (const auto& object : objects) handles.push_back(object.raw());
  const auto& call = ctx.host_call();
  const keelson_hook_request request{sizeof request, static_cast<std::uint32_t>(fields.size()), bytes_of(point), fields.data(), handles.data(), handles.size()};
  Asking asking{{}, enough};
  Collect error;
  detail::settle(call);
  const auto status = call.table->ask(call.host, call.call, &request, {&asking, take_answer}, error.sink());
  if (status != 0) return error_from_status(status, error.text);
  return std::move(asking.answers);
}

bool anybody_at(Context& ctx, std::string_view point) {
  const auto& call = ctx.host_call();
  const keelson_hook_request request{sizeof request, 0, bytes_of(point), nullptr, nullptr, 0};
  Collect error;
  return call.table->ask(call.host, call.call, &request, {nullptr, nullptr}, error.sink()) == 0;
}

bool AccessRequest::in_group(std::string_view name) const {
  bool found = false;
  each_group([&](std::string_view group) { found = found || group == name; });
  return found;
}

namespace detail {

Result answered(Result result, HookReply& reply) {
  if (result.kind() == Result::Kind::done || result.kind() == Result::Kind::failed) return result;
  if (result.kind() == Result::Kind::retry_at) return failed("a hook answers now, it cannot be called again later");
  if (const auto& error = result.error(); error.code == 403 && error.status_json.empty()) reply.deny(error.message);
  else reply.deny(error);
  return done();
}

HookOptions authorizer_hook(const AuthorizerOptions& options) {
  HookOptions hook;
  hook.name = options.name;
  hook.mode = HookMode::in_line;
  hook.order = options.order;
  hook.on_failure = options.on_failure;
  hook.required = options.required;
  return hook;
}

HookFunction authorizer_function(std::shared_ptr<Authorizer> authorizer) {
  return [authorizer = std::move(authorizer)](Context&, const HookRequest& in, HookReply& reply) -> Result {
    const AccessRequest request{in.text(KEELSON_IN_USER), in.text(KEELSON_IN_UID), in.text(KEELSON_IN_GROUPS), in.text(KEELSON_IN_EXTRA), in.text(KEELSON_IN_VERB),
                                in.text(KEELSON_IN_GROUP), in.text(KEELSON_IN_VERSION), in.text(KEELSON_IN_RESOURCE), in.text(KEELSON_IN_SUBRESOURCE),
                                in.text(KEELSON_IN_NAMESPACE), in.text(KEELSON_IN_NAME), in.text(KEELSON_IN_PATH)};
    const auto verdict = authorizer->authorize(request);
    if (verdict.kind == Verdict::Kind::allow) reply.allow(verdict.reason);
    else if (verdict.kind == Verdict::Kind::deny) reply.deny(verdict.reason);
    else reply.reason(verdict.reason);
    reply.independent_of(verdict.independent);
    return done();
  };
}

HookFunction mutate_hook(MutateFunction mutate) {
  return [mutate = std::move(mutate)](Context& ctx, const HookRequest& request, HookReply& reply) -> Result {
    Review review(request, reply);
    if (review.object_json().empty()) return done();
    std::string object(review.object_json());
    auto result = answered(mutate(ctx, review, object), reply);
    if (result.kind() == Result::Kind::done && object != review.object_json()) reply.body(object);
    return result;
  };
}

HookFunction validate_hook(ValidateFunction validate) {
  return [validate = std::move(validate)](Context& ctx, const HookRequest& request, HookReply& reply) -> Result {
    Review review(request, reply);
    return answered(validate(ctx, review, review.object_json().empty() ? review.old_json() : review.object_json()), reply);
  };
}

HookOptions admission_hook(HookOptions options, const Gvk& gvk) {
  if (options.rules.empty()) options.rules.emplace_back();
  for (auto& rule : options.rules) {
    rule.groups = {std::string(gvk.group)};
    if (rule.resources == HookRule().resources) rule.resources = {std::string(gvk.resource)};
  }
  return options;
}

}  // namespace detail
}  // namespace keelson

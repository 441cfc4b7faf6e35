// What those say whom the server asks or lets in: programs and webhooks that answer, plugins that declare themselves, requests for
// certificates, and queries as the verbs take them.
#include <boost/json.hpp>

#include "core/admission/review.hpp"
#include "core/api/options.hpp"
#include "core/auth/json_access.hpp"
#include "core/auth/signing_request.hpp"
#include "core/kinds/body_kinds.hpp"
#include "core/plugins/declaration.hpp"
#include "core/remote/credential_program.hpp"
#include "core/verbs/plain_binding.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/kinds.hpp"

using namespace keelson;
using namespace keelson::fuzz;

KEELSON_FUZZ(signing_request, bytes) {
  const auto request = auth::read_signing_request(bytes);
  if (!request) return must(!request.error().message.empty(), "a refusal without a reason");
  for (const auto signer : {auth::kClientSigner, auth::kKubeletClientSigner, auth::kKubeletServingSigner, auth::kLegacySigner}) (void)auth::signer_refusal(signer, *request, {"client auth", "digital signature"});
}

KEELSON_FUZZ(credential, bytes) {
  const auto credential = remote::parse_credential(bytes, "client.authentication.k8s.io/v1");
  if (credential) must(!credential->token.empty() || (!credential->certificate_pem.empty() && !credential->key_pem.empty()), "a credential of nothing");
}

KEELSON_FUZZ(declaration, bytes) {
  if (const auto declared = plugins::parse_declaration(bytes)) {
    (void)plugins::capabilities_missing(*declared, false);
    for (const auto& hook : declared->hooks) must(plugins::parse_hook(plugins::hook_json(hook)).has_value(), "a hook as it was declared is refused");
  }
  (void)plugins::parse_hook(bytes);
}

KEELSON_FUZZ(review, bytes) {
  const bool mutating = (take(bytes) & 1) != 0;
  const auto answer = admission::read_review(bytes, "v1", "705ab4f5-6393-11e8-b7cc-42010a800002", mutating);
  if (answer && answer->patch) must(mutating && answer->patch->is_array(), "a patch that is none");
}

KEELSON_FUZZ(query, bytes) {
  const auto [text, body] = two(bytes);
  const api::Query query(text);
  const auto kind = kind_of("", "v1", "Pod");
  constexpr std::int64_t kMost_ms = 34'000;
  for (const char* path : {"/api/v1/pods", "/api/v1/namespaces/default/pods/a"}) {
    const auto info = api::resolve("GET", path, query);
    (void)api::list_query(info, query, *kind);
  }
  (void)api::read_query(query);
  if (const auto write = api::write_query(query, "PatchOptions", true)) must(write->field_manager.size() <= api::kFieldManagerBytesMax, "a manager's name that is too long");
  (void)api::delete_query(query, {kinds::Media::json, std::string(body)});
  if (const auto timeout = api::request_timeout_ns(query, kMost_ms)) must(*timeout <= kMost_ms, "a time beyond the most");
}

// What is read without a document is what the document says.
KEELSON_FUZZ(binding, bytes) {
  const auto plain = verbs::read_plain_binding(bytes);
  if (!plain) return;
  const auto decoded = kinds::decode(kinds::body_kind("Binding"), kinds::Media::json, bytes, kinds::FieldValidation::strict, {});
  must(decoded.has_value(), "a binding that was read plainly cannot be decoded");
  const auto said = [&](auth::Path path) { return auth::text_at(decoded->object, path); };
  must(plain->name == said({"metadata", "name"}) && plain->ns == said({"metadata", "namespace"}) && plain->uid == said({"metadata", "uid"}), "its metadata reads otherwise");
  must(plain->target_kind == said({"target", "kind"}) && plain->target_name == said({"target", "name"}), "its target reads otherwise");
  for (const std::string_view more : {"labels", "annotations"}) must(!auth::find(decoded->object, {"metadata", more}), "it has more than was read");
}

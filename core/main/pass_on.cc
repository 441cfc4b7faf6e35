#include "core/main/pass_on.hpp"

#include "core/api/attributes.hpp"
#include "core/remote/client.hpp"

namespace keelson::server {
namespace {

/// GROUP and VERSION of "/apis/GROUP/VERSION...".
std::pair<std::string, std::string> group_version(const std::string& path) {
  constexpr std::string_view begin = "/apis/";
  if (!path.starts_with(begin)) return {};
  const auto group = path.substr(begin.size(), path.find('/', begin.size()) - begin.size());
  const auto at = begin.size() + group.size() + 1;
  if (at >= path.size()) return {};
  return {group, path.substr(at, path.find('/', at) - at)};
}

}  // namespace

plugins::PassOn pass_on_to(aggregation::Aggregation& aggregation, const auth::Chains& chains, base::Runtime& runtime) {
  return [&](const auth::Identity& user, plugins::ApiRequest request, std::function<void(base::Outcome<std::string>)> done) {
    const auto info = api::resolve(request.method, request.path, {});
    if (!info.broken.empty()) return done(base::internal("failed to create RequestInfo: " + info.broken));
    const auto attributes = api::attributes_of(info, &user);
    if (const auto verdict = chains.authorize(attributes); verdict.decision != auth::Decision::allow) return done(auth::refusal(attributes, verdict.reason));
    const auto [group, version] = group_version(info.path);
    const auto apis = aggregation.apis();
    const auto* found = apis->find(group, version);
    if (!found) return done(base::no_such_resource());
    if (!found->backend->available) return done(base::unavailable("the server of " + group + "/" + version + " is not available"));
    auto outbound = aggregation.outbound(*found->backend, user);
    if (!outbound) return done(base::unavailable(outbound.error().message));
    outbound->endpoint.path = request.path;
    outbound->method = std::move(request.method);
    outbound->headers.emplace_back("Accept", "application/json");
    if (!request.body.empty()) outbound->headers.emplace_back("Content-Type", "application/json");
    outbound->body = std::move(request.body);
    outbound->head_deadline = outbound->deadline = runtime.in_ms(kPassOnTimeout_ms);
    webhook::fetch(aggregation.outgoing(), std::move(*outbound), kPassOnBytesMax, [done = std::move(done)](base::Outcome<webhook::Fetched> fetched) {
      if (!fetched) return done(base::unavailable(fetched.error().message));
      done(remote::body_of(remote::Answer{fetched->status, 0, std::move(fetched->body)}));
    });
  };
}

}  // namespace keelson::server

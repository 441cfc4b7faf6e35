// client_config: where a webhook's clientConfig leads to: a URL, or a service by its ready endpoints.
//
// Threads: any, pure. Ownership: results are values. Errors: in upstream's words.
#pragma once
#include <boost/json/value.hpp>

#include "core/store/store.hpp"
#include "core/webhook/client.hpp"

namespace keelson::webhook {

/// `config`: {url | service, caBundle} of a webhook configuration or a definition's conversion. Of a service the ready endpoints
/// are asked in turn (`turn`: any number); one without endpoints by its cluster address.
base::Outcome<Endpoint> endpoint_of(const boost::json::value& config, const store::Snapshot& snapshot, std::uint64_t turn);

}  // namespace keelson::webhook

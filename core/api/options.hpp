// Options: query parameters (and DeleteOptions bodies) as the verbs take them, refused with upstream's texts.
#pragma once
#include <optional>
#include <string>

#include "core/api/request_info.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::api {

inline constexpr std::size_t kFieldManagerBytesMax = 128;

struct ListQuery {
  verbs::ListOptions list;
  bool watch = false;
  bool bookmarks = false;
  bool initial_events = false;
  std::optional<std::int64_t> timeout_s;
};

/// For list, watch and deletecollection. `info` supplies the verb and, for a single object's watch, the name.
base::Outcome<ListQuery> list_query(const RequestInfo& info, const Query& query, const kinds::Kind& kind);
base::Outcome<verbs::ReadOptions> read_query(const Query& query);

/// `what`: CreateOptions, UpdateOptions or PatchOptions. `apply`: of a PATCH, whether it is an apply.
struct WriteQuery {
  verbs::WriteOptions write;
  std::string field_manager;
};
base::Outcome<WriteQuery> write_query(const Query& query, std::string_view what, bool apply = false);

/// From the body when there is one, else from the query.
base::Outcome<verbs::DeleteOptions> delete_query(const Query& query, const verbs::Body& body);

/// The request's own `timeout` parameter in nanoseconds, at most `most_ns`.
base::Outcome<std::int64_t> request_timeout_ns(const Query& query, std::int64_t most_ns);

}  // namespace keelson::api

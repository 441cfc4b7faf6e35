// Tables and metadata-only forms of objects. Private to core/api.
#pragma once
#include <functional>
#include <string>

#include "core/api/core.hpp"

namespace keelson::api {

/// The columnDefinitions array of a kind.
std::string column_definitions(const kinds::Kind& kind);
/// Appends one row object; what its "object" holds is the request's includeObject.
std::function<void(std::string&, const store::ObjectRef&)> row_printer(const CallRef& call);
/// The same without a call, for watches: `include`: None, Metadata or Object.
void append_row(std::string& out, verbs::Verbs& verbs, const kinds::Kind& kind, const store::Object& object, std::string_view include, std::string_view version, std::int64_t now_unix_s);
/// 400 for an unknown includeObject.
base::Outcome<std::string> include_object(const Query& query);
/// Answers one object as a Table or as PartialObjectMetadata, whichever the call wants.
void send_transformed(const CallRef& call, int code, const store::ObjectRef& object);
/// Appends PartialObjectMetadata of meta.k8s.io/<version>.
void append_partial(std::string& out, const store::Object& object, std::string_view version);

}  // namespace keelson::api

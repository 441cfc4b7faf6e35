// Event: a Record at a stage as one line of JSON, an Event of audit.k8s.io/v1 with upstream's members in upstream's order.
//
// Threads: pure functions, for the writing thread: bodies are parsed here.
#pragma once
#include <functional>
#include <string>

#include "core/audit/record.hpp"

namespace keelson::audit {

/// A body by its Content-Type as JSON text; empty: it cannot be read.
using ReadBody = std::function<std::string(const std::string& media, const std::string& bytes)>;

/// Appends the line with its end.
void append_event(std::string& out, const Record& record, Stage stage, std::int64_t stage_unix_us, const ReadBody& read_body);

}  // namespace keelson::audit

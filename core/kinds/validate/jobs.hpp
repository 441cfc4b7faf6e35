// What Jobs and the templates of CronJobs say beside the template of their pods.
//
// Threads: any, stateless. Errors: appended to `errors`, in upstream's order.
#pragma once
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {

/// Counts, indexes and policies of a Job's spec.
void validate_job_policies(const json::value& spec, const Path& path, FieldErrors& errors);

}  // namespace keelson::kinds

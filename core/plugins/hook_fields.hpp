// The texts of the core's points, by position (KEELSON_IN_* of the border).
//
// Threads: pure functions.
#pragma once
#include <string>
#include <vector>

#include "core/auth/auth.hpp"
#include "sdk/abi/keelson_plugin.h"

namespace keelson::plugins {

inline constexpr std::size_t kAuthorizationFields = KEELSON_IN_PATH + 1;
inline constexpr std::size_t kAdmissionFields = KEELSON_IN_DRY_RUN + 1;

/// Field `index` of an authorization question is appended.
void append_authorization_field(std::string& out, const auth::Attributes& attributes, std::size_t index);
std::vector<std::string> authorization_fields(const auth::Attributes& attributes);
/// All but OBJECT, which changes from hook to hook.
std::vector<std::string> admission_fields(const auth::AdmissionRequest& request);
/// CREATE, UPDATE, DELETE, CONNECT.
std::string_view operation_name(auth::AdmissionRequest::Operation operation);

}  // namespace keelson::plugins

// Security wiring: audit and encryption at rest as the settings and the files that they name have it.
//
// Threads: at start. Ownership: the caller's. Errors: what is wrong with which file; the server does not start with it.
#pragma once
#include "core/audit/audit.hpp"
#include "core/main/settings.hpp"
#include "core/store/encryption.hpp"

namespace keelson::server {

/// Null: turned off.
base::Outcome<std::shared_ptr<audit::Audit>> open_audit(const Settings& settings, base::Runtime& runtime, base::Metrics& metrics);

/// Where the sealing keys are when the settings name no file.
std::string encryption_file_of(const Settings& settings);
base::Outcome<std::shared_ptr<const store::Encryption>> open_encryption(const Settings& settings, base::Runtime& runtime);

}  // namespace keelson::server

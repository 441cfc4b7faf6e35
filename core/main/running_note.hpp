// The running note: what the server of a data folder was started with, beside its data, for commands that look at it.
//
// Invariants: only settings that decide about security; mode 0600; a configuration file's keys. Errors: as files.
#pragma once
#include "core/main/settings.hpp"

namespace keelson::server {

base::Outcome<void> write_running_note(const Settings& settings);
/// The settings of the server that was last started on `data_dir`.
base::Outcome<Settings> read_running_note(const std::string& data_dir);

}  // namespace keelson::server

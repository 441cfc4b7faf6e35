#include "core/plugins/library.hpp"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/plugins/elf.hpp"

namespace keelson::plugins {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTableBytesMin = offsetof(keelson_plugin_v1, destroy) + sizeof(void*);
constexpr std::string_view kEntryPrefix = "keelson_plugin_entry_v";

std::string sha256_hex(const std::string& content) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(content.data(), content.size(), digest, &length, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

std::optional<std::string> bad_permissions(const fs::path& path, bool directory) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return path.string() + " cannot be looked at";
  const bool sticky = directory && (info.st_mode & S_ISVTX) != 0;
  if ((info.st_mode & S_IWOTH) != 0 && !sticky) return path.string() + " is writable by others";
  if (info.st_uid != 0 && info.st_uid != ::geteuid() && !sticky) return path.string() + " belongs to neither root nor the server's user";
  return std::nullopt;
}

std::optional<std::string> bad_permissions_on_path(const fs::path& file) {
  if (auto bad = bad_permissions(file, false)) return bad;
  std::error_code failed;
  for (auto directory = fs::absolute(file, failed).parent_path();; directory = directory.parent_path()) {
    if (auto bad = bad_permissions(directory, true)) return bad;
    if (directory == directory.parent_path()) return std::nullopt;
  }
}

std::optional<std::string> content_of(const fs::path& file) {
  std::error_code failed;
  const auto size = fs::file_size(file, failed);
  if (failed || size > kLibraryBytesMax) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::string content(size, '\0');
  if (!in.read(content.data(), static_cast<std::streamsize>(size))) return std::nullopt;
  return content;
}

std::optional<Refusal> check_symbols(const std::string& name, const std::string& content) {
  const auto symbols = exported_symbols(content);
  if (!symbols) return Refusal{"NotALibrary", name + ": " + symbols.error().message};
  if (std::find(symbols->begin(), symbols->end(), KEELSON_ENTRY_SYMBOL) != symbols->end()) return std::nullopt;
  for (const auto& symbol : *symbols)
    if (symbol.starts_with(kEntryPrefix)) return Refusal{"ABIMismatch", name + " needs ABI " + symbol.substr(kEntryPrefix.size()) + ", this core has " + core_abi()};
  return Refusal{"NoEntrySymbol", name + " exports no " KEELSON_ENTRY_SYMBOL};
}

std::optional<Refusal> check_table(const std::string& name, const keelson_plugin_v1* table) {
  if (table == nullptr) return Refusal{"LoadFailed", name + ": " KEELSON_ENTRY_SYMBOL " answered no table"};
  if (table->minor > KEELSON_ABI_MINOR)
    return Refusal{"ABIMismatch", name + " needs ABI " + std::to_string(KEELSON_ABI_MAJOR) + "." + std::to_string(table->minor) + ", this core has " + core_abi()};
  if (table->size < kTableBytesMin)
    return Refusal{"ABIMismatch", name + " has a table of " + std::to_string(table->size) + " bytes, this core needs " + std::to_string(kTableBytesMin)};
  const auto& t = *table;
  if (t.name == nullptr || t.version == nullptr || t.start == nullptr || t.reconcile == nullptr || t.map == nullptr || t.predicate == nullptr ||
      t.observe == nullptr || t.task == nullptr || t.serve == nullptr || t.completion == nullptr || t.check == nullptr || t.drain == nullptr || t.destroy == nullptr)
    return Refusal{"LoadFailed", name + ": its table has empty entries"};
  return std::nullopt;
}

// A copy of the last run is as good, if a power cut left it whole: one write less at each start.
std::optional<Refusal> write_copy(const std::string& copy, const std::string& name, const std::string& content) {
  std::error_code failed;
  if (content_of(copy) == content) return std::nullopt;
  {
    std::ofstream out(copy + ".part", std::ios::binary | std::ios::trunc);
    out << content;
    if (!out.flush()) return Refusal{"LoadFailed", name + ": no room for a copy: " + copy};
  }
  fs::rename(copy + ".part", copy, failed);
  return failed ? std::optional<Refusal>(Refusal{"LoadFailed", name + ": " + failed.message()}) : std::nullopt;
}

}  // namespace

struct LibraryLoader {
  static std::variant<std::unique_ptr<Library>, Refusal> load(const std::string& file, const LoadOptions& options);
  static std::optional<Refusal> map(Library& library, const std::string& name, const std::string& content, const LoadOptions& options);
};

std::variant<std::unique_ptr<Library>, Refusal> LibraryLoader::load(const std::string& file, const LoadOptions& options) {
  const auto name = fs::path(file).filename().string();
  if (options.check_permissions)
    if (auto bad = bad_permissions_on_path(file)) return Refusal{"BadPermissions", *bad};
  std::error_code failed;
  if (fs::file_size(file, failed) > kLibraryBytesMax || failed) return Refusal{"NotALibrary", name + ": it cannot be read or is too large"};
  const auto content = content_of(file);
  if (!content) return Refusal{"NotALibrary", name + ": it cannot be read"};
  if (auto refusal = check_symbols(name, *content)) return std::move(*refusal);
  std::unique_ptr<Library> library(new Library);
  library->file_ = file;
  library->sha256_ = sha256_hex(*content);
  if (auto refusal = map(*library, name, *content, options)) return std::move(*refusal);
  return library;
}

std::optional<Refusal> LibraryLoader::map(Library& library, const std::string& name, const std::string& content, const LoadOptions& options) {
  const auto copy = options.private_directory + "/" + library.sha256_ + ".so";
  if (auto refusal = write_copy(copy, name, content)) return refusal;
  library.handle_ = ::dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library.handle_ == nullptr) {
    const char* why = ::dlerror();
    return Refusal{"LoadFailed", name + ": " + (why != nullptr ? why : "dlopen failed")};
  }
  const auto entry = reinterpret_cast<keelson_plugin_entry>(::dlsym(library.handle_, KEELSON_ENTRY_SYMBOL));
  library.table_ = entry != nullptr ? entry() : nullptr;
  return check_table(name, library.table_);
}

Library::~Library() {
  if (keep_) return;
  if (handle_ != nullptr) ::dlclose(handle_);
}

std::string Library::abi() const { return std::to_string(KEELSON_ABI_MAJOR) + "." + std::to_string(table_->minor); }

std::variant<std::unique_ptr<Library>, Refusal> load_library(const std::string& file, const LoadOptions& options) { return LibraryLoader::load(file, options); }

std::string core_abi() { return std::to_string(KEELSON_ABI_MAJOR) + "." + std::to_string(KEELSON_ABI_MINOR); }

}  // namespace keelson::plugins

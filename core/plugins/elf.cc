#include "core/plugins/elf.hpp"

#include <elf.h>

#include <cstring>
#include <optional>

namespace keelson::plugins {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#endif

template <class T>
std::optional<T> read_at(const std::string& content, std::uint64_t offset) {
  if (offset > content.size() || content.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, content.data() + offset, sizeof value);
  return value;
}

bool inside(const std::string& content, const Elf64_Shdr& section) {
  return section.sh_offset <= content.size() && section.sh_size <= content.size() - section.sh_offset;
}

std::optional<std::string> text_at(const std::string& content, const Elf64_Shdr& strings, std::uint32_t offset) {
  if (offset >= strings.sh_size) return std::nullopt;
  const auto* begin = content.data() + strings.sh_offset + offset;
  const auto* end = static_cast<const char*>(std::memchr(begin, 0, strings.sh_size - offset));
  return end == nullptr ? std::nullopt : std::optional<std::string>(std::string(begin, end));
}

std::optional<Elf64_Shdr> section_at(const std::string& content, const Elf64_Ehdr& header, std::size_t index) {
  if (index >= header.e_shnum || header.e_shentsize < sizeof(Elf64_Shdr)) return std::nullopt;
  return read_at<Elf64_Shdr>(content, header.e_shoff + index * header.e_shentsize);
}

void collect(const std::string& content, const Elf64_Shdr& symbols, const Elf64_Shdr& strings, std::vector<std::string>& out) {
  for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols.sh_size; at += sizeof(Elf64_Sym)) {
    const auto symbol = read_at<Elf64_Sym>(content, symbols.sh_offset + at);
    if (!symbol || symbol->st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol->st_info) == STB_LOCAL) continue;
    if (auto name = text_at(content, strings, symbol->st_name); name && !name->empty()) out.push_back(std::move(*name));
  }
}

}  // namespace

base::Outcome<std::vector<std::string>> exported_symbols(const std::string& content) {
  const auto header = read_at<Elf64_Ehdr>(content, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return base::bad_request("it is no ELF file");
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != kMachine) return base::bad_request("it is made for another machine");
  if (header->e_type != ET_DYN) return base::bad_request("it is no shared library");
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header->e_shnum; ++i) {
    const auto symbols = section_at(content, *header, i);
    if (!symbols) return base::bad_request("it is damaged: section headers end early");
    if (symbols->sh_type != SHT_DYNSYM) continue;
    const auto strings = section_at(content, *header, symbols->sh_link);
    if (!strings || !inside(content, *symbols) || !inside(content, *strings)) return base::bad_request("it is damaged: symbols lie outside of the file");
    collect(content, *symbols, *strings, names);
  }
  return names;
}

}  // namespace keelson::plugins

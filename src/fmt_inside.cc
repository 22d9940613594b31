// libfmt, compiled into the command. Debian has it as a shared library only, and that one brings libstdc++.so
// along: relocating both takes a millisecond of every start (docs/benchmarks.md). The compiled parts of fmt 9
// are in its header format-inl.h; what is instantiated here is what our calls leave open. Other versions of
// fmt open other ones, so CMakeLists.txt takes this file for fmt 9 only, and the shared library for the rest.

#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {

template auto dragonbox::to_decimal(float) noexcept -> dragonbox::decimal_fp<float>;
template auto dragonbox::to_decimal(double) noexcept -> dragonbox::decimal_fp<double>;
template locale_ref::locale_ref(const std::locale&);
template auto locale_ref::get<std::locale>() const -> std::locale;
template auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template auto decimal_point_impl(locale_ref) -> char;
template void buffer<char>::append(const char*, const char*);
template void vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>, locale_ref);

}  // namespace detail
FMT_END_NAMESPACE

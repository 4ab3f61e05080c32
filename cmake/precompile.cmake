# Headers that nearly every file includes, read once. What a file needs it still includes itself: the debug preset and clang-tidy do without.
set(BRINGUP_PCH_COMMON <algorithm> <array> <cstdint> <filesystem> <functional> <map> <memory> <optional> <set> <span> <string>
  <string_view> <utility> <variant> <vector> <fmt/format.h>)

# All rooms are compiled with the same options, and share the first one's; measure differs and has its own.
function(bringup_precompile target)
  get_property(first GLOBAL PROPERTY bringup_precompiled)
  if(target STREQUAL "bringup_measure" OR NOT first)
    target_precompile_headers(${target} PRIVATE ${BRINGUP_PCH_COMMON})
    if(NOT first AND NOT target STREQUAL "bringup_measure")
      set_property(GLOBAL PROPERTY bringup_precompiled ${target})
    endif()
  else()
    target_precompile_headers(${target} REUSE_FROM ${first})
  endif()
endfunction()

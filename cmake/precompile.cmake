# Headers that nearly every file includes, read once. What a file needs it still includes itself: the debug preset and clang-tidy do without.
set(BRINGUP_PCH_COMMON <algorithm> <array> <cstdint> <filesystem> <functional> <map> <memory> <optional> <set> <span> <string>
  <string_view> <utility> <variant> <vector> <fmt/format.h>)

# Rooms share those of base; measure is compiled with other options and has its own.
function(bringup_precompile room)
  if(room MATCHES "^(base|measure)$")
    target_precompile_headers(bringup_${room} PRIVATE ${BRINGUP_PCH_COMMON})
  else()
    target_precompile_headers(bringup_${room} REUSE_FROM bringup_base)
  endif()
endfunction()

# make install: program, libfrugal with headers and pkg-config file, man pages, completions, model.
include(GNUInstallDirs)
if(TARGET frugal)
    file(GLOB PUBLIC_HEADERS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/include/frugal/*.h)
    add_library(libfrugal SHARED $<TARGET_OBJECTS:frugal_core>)
    target_link_libraries(libfrugal PRIVATE PkgConfig::DEPS Threads::Threads m ${CMAKE_DL_LIBS}
        -Wl,--version-script=${CMAKE_SOURCE_DIR}/src/api/libfrugal.map -Wl,--gc-sections)
    set_target_properties(libfrugal PROPERTIES OUTPUT_NAME frugal VERSION ${PROJECT_VERSION} SOVERSION 0
        LINK_DEPENDS ${CMAKE_SOURCE_DIR}/src/api/libfrugal.map)
    # The prefix may be chosen at install time, so the file finds it from where it lies.
    file(RELATIVE_PATH FRUGAL_PC_TO_PREFIX /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
    configure_file(${CMAKE_SOURCE_DIR}/cmake/frugal.pc.in ${CMAKE_BINARY_DIR}/frugal.pc @ONLY)
    install(TARGETS frugal RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(TARGETS libfrugal LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(FILES ${PUBLIC_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/frugal)
    install(FILES ${CMAKE_SOURCE_DIR}/python/frugal.py DESTINATION ${CMAKE_INSTALL_DATADIR}/frugal)
    install(FILES ${CMAKE_BINARY_DIR}/frugal.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    install(FILES ${CMAKE_SOURCE_DIR}/models/frugal-tiny.gguf DESTINATION ${CMAKE_INSTALL_DATADIR}/frugal OPTIONAL)
    # The service of `frugal monitor`, with the place of the program, and its dashboard.
    install(CODE "file(READ \"${CMAKE_SOURCE_DIR}/packaging/frugal-monitor.service\" unit)
        string(REPLACE \"@FRUGAL_BINARY@\" \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/frugal\" unit \"\${unit}\")
        file(WRITE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/frugal-monitor.service\" \"\${unit}\")")
    install(FILES ${CMAKE_SOURCE_DIR}/packaging/grafana-dashboard.json DESTINATION ${CMAKE_INSTALL_DATADIR}/frugal)
    # Man pages and completions are made by the program itself, from the rows of its commands.
    install(CODE "set(frugal \"${CMAKE_BINARY_DIR}/frugal\")
        set(to \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
        file(MAKE_DIRECTORY \${to}/${CMAKE_INSTALL_MANDIR}/man1 \${to}/${CMAKE_INSTALL_DATADIR}/bash-completion/completions
            \${to}/${CMAKE_INSTALL_DATADIR}/zsh/site-functions \${to}/${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
        execute_process(COMMAND \${frugal} --man OUTPUT_FILE \${to}/${CMAKE_INSTALL_MANDIR}/man1/frugal.1)
        execute_process(COMMAND \${frugal} --commands OUTPUT_VARIABLE commands)
        string(REGEX MATCHALL \"[^\\n]+\" commands \"\${commands}\")
        foreach(command \${commands})
            execute_process(COMMAND \${frugal} --man \${command} OUTPUT_FILE \${to}/${CMAKE_INSTALL_MANDIR}/man1/frugal-\${command}.1)
        endforeach()
        execute_process(COMMAND \${frugal} --completion bash OUTPUT_FILE \${to}/${CMAKE_INSTALL_DATADIR}/bash-completion/completions/frugal)
        execute_process(COMMAND \${frugal} --completion zsh OUTPUT_FILE \${to}/${CMAKE_INSTALL_DATADIR}/zsh/site-functions/_frugal)
        execute_process(COMMAND \${frugal} --completion fish OUTPUT_FILE \${to}/${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d/frugal.fish)")
endif()

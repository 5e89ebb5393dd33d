# What an extension needs of Slicer to be configured and installed, without a Slicer build: the same
# names and destinations as Slicer's own macros (CMake/SlicerMacroBuildScriptedModule.cmake). With SLICER_SOURCE,
# Testing/test_install.py holds the arguments that are understood here against Slicer's own.
set(Slicer_FOUND TRUE)
set(Slicer_VERSION 5.10)
set(Slicer_USE_FILE ${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake)
set(Slicer_EXTENSION_GENERATE_CONFIG ${CMAKE_CURRENT_LIST_DIR}/Nothing.cmake)
set(Slicer_EXTENSION_CPACK ${CMAKE_CURRENT_LIST_DIR}/Nothing.cmake)
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR lib/Slicer-5.10/qt-scripted-modules)
set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR ${Slicer_QTSCRIPTEDMODULES_LIB_DIR})

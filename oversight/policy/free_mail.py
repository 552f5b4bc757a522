"""Domains at which anybody can have an address: a wildcard there means everybody."""

FREE_MAIL = frozenset(
    {
        *("aol.com", "fastmail.com", "free.fr", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de"),
        *("gmx.net", "googlemail.com", "hey.com", "hotmail.co.uk", "hotmail.com", "hotmail.de", "hotmail.fr"),
        *("icloud.com", "laposte.net", "libero.it", "live.com", "mac.com", "mail.com", "mail.ru", "mailbox.org"),
        *("me.com", "msn.com", "naver.com", "orange.fr", "outlook.com", "outlook.de", "pm.me", "posteo.de"),
        *("proton.me", "protonmail.com", "qq.com", "rediffmail.com", "rocketmail.com", "t-online.de", "tuta.com"),
        *("tutanota.com", "wanadoo.fr", "web.de", "yahoo.co.uk", "yahoo.com", "yahoo.de", "yahoo.fr", "yandex.com"),
        *("yandex.ru", "ymail.com", "zoho.com", "zohomail.com", "126.com", "163.com"),
    }
)
